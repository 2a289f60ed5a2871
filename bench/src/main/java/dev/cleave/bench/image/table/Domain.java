package dev.cleave.bench.image.table;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.engine.format.DeviceTableEntry;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A domain to look at.
 *
 * @param name its id in decimal, with the PASID behind it where a guest table is one of several, or
 *     {@code -} where it is not known
 * @param kind what its devices' table entries do with a request
 * @param root where its table begins, null where there is none to decode
 * @param devices the devices attached to it, where known
 * @param findings what is wrong with its device table entries
 */
public record Domain(
    String name,
    DeviceTableEntry.Kind kind,
    @Nullable TableRoot root,
    List<DeviceId> devices,
    List<Finding> findings) {
  /** How a domain without a known id is called. */
  public static final String UNNAMED = "-";

  /**
   * Whether there is a table to decode.
   *
   * @return false for all that is translated otherwise or not at all
   */
  public boolean hasTable() {
    return root != null;
  }

  /**
   * What a kind means for a request, in words.
   *
   * @param kind the kind
   * @return a phrase
   */
  public static String words(DeviceTableEntry.Kind kind) {
    return switch (kind) {
      case INVALID -> "invalid (V=0): requests pass untranslated";
      case BLOCKED -> "blocked (V=1, TV=0): requests are aborted";
      case PASSTHROUGH -> "passthrough (mode 0): no table";
      case V1 -> "v1";
      case V2 -> "v2 (guest tables): one for each PASID";
      case RESERVED_MODE -> "mode 7, which is reserved: requests fault";
    };
  }
}
