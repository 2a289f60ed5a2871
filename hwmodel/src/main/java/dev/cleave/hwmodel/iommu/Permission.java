package dev.cleave.hwmodel.iommu;

/** What a request needs and what an entry grants, as bits that can be ANDed over levels. */
final class Permission {
  static final int READ = 1;
  static final int WRITE = 2;
  static final int ALL = READ | WRITE;

  private Permission() {}
}
