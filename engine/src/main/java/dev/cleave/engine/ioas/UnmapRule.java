package dev.cleave.engine.ioas;

/** What an unmap does to an area that it has only a part of. */
public enum UnmapRule {
  /** The area is cut, and with it the leaves at the ends; what is outside goes on translating. */
  EXACT,

  /**
   * The area stays, and the unmap ends with ENOENT; the whole areas before it are gone already.
   * This is what iommufd does.
   */
  WHOLE_AREAS
}
