package dev.cleave.bench.image.table;

import java.util.Locale;

/**
 * What a table is audited for. Source: {@code docs/spec/amd-vi.md} §1 to §3, {@code
 * docs/spec/iommu-behaviour.md} §7, {@code docs/spec/rmp.md} §3.
 */
public enum Rule {
  /** A bit is set that hardware wants zero. */
  RESERVED_BITS(Severity.ERROR),
  /** A directory's NextLevel is not below its own level. */
  NEXT_LEVEL(Severity.ERROR),
  /** A leaf at level 6, which has none. */
  LEAF_AT_TOP(Severity.ERROR),
  /** PS is set at a level of an x86-64 table that has no leaves. */
  PAGE_SIZE_LEVEL(Severity.ERROR),
  /** A sized leaf whose size does not belong to its level. */
  LEAF_SIZE(Severity.ERROR),
  /** A leaf of 512 GiB, which an erratum forbids. */
  ERRATUM_512G(Severity.ERROR),
  /** The slots of a sized leaf do not all hold the same entry. */
  REPLICAS_DIFFER(Severity.ERROR),
  /** A directory points at a table that it is part of. */
  LOOP(Severity.ERROR),
  /** A table that was reached before by another way. */
  REACHED_TWICE(Severity.ERROR),
  /** A pointer to memory that is not there. */
  DANGLING(Severity.ERROR),
  /** The device table entry is bad, or what the manifest says is not what memory says. */
  DEVICE_TABLE(Severity.ERROR),
  /** A leaf's size is not what the RMP wants there. */
  RMP_SIZE(Severity.ERROR),
  /** A leaf leads to a private page of somebody else's. */
  RMP_OWNER(Severity.ERROR),
  /** A leaf leads to a private page from another address than the guest has it at. */
  RMP_GPA(Severity.ERROR),
  /** The audit gave up before the table's end. */
  TRUNCATED(Severity.ERROR),
  /** A device table entry that makes sense only in another order of its digits. */
  ENTRY_ORDER(Severity.WARNING),
  /** Devices of one domain with different permissions. */
  DEVICE_PERMISSIONS(Severity.WARNING),
  /** A leaf's address is not a multiple of its size. */
  UNALIGNED_ADDRESS(Severity.WARNING),
  /** An entry that no address reaches. */
  UNREACHABLE_ENTRY(Severity.WARNING),
  /** Leaves that could be one. */
  MERGEABLE(Severity.WARNING),
  /** A table without a present entry, linked nevertheless. */
  EMPTY_TABLE(Severity.WARNING);

  /** Whether a finding makes the audit fail. */
  public enum Severity {
    /** Hardware refuses it, or would do what nobody can have meant. */
    ERROR,
    /** It works, and something better was possible. */
    WARNING;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Severity severity;

  Rule(Severity severity) {
    this.severity = severity;
  }

  /**
   * How bad it is to break this rule.
   *
   * @return its severity
   */
  public Severity severity() {
    return severity;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
