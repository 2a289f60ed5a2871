package dev.cleave.bench.trace;

/**
 * An I/O address space that a log tells of, by the name that the command gives it: each is a table
 * of its own.
 *
 * <p>Thread-safe: values.
 *
 * @param name what {@code --space} takes, and what results call it
 */
public record AddressSpace(String name) {
  /** What op lines say of it, which is nothing: the first space of the log is meant. */
  public static final AddressSpace UNSAID = new AddressSpace("");

  /** That of a kernel's tracepoint that names neither domain nor device: to be told apart. */
  static final AddressSpace SOME_DOMAIN = new AddressSpace("domain");

  /** That of QEMU's memory listener, where nothing tells of the maps that follow from it. */
  static final AddressSpace LISTENER = new AddressSpace("listener");

  /** That of op lines in a log that names no other. */
  public static final AddressSpace OPS = new AddressSpace("ops");

  /**
   * An I/O address space object of iommufd.
   *
   * @param iommufd the file descriptor, which QEMU has one of for each of its iommufd objects
   * @param ioas the object's number there
   */
  static AddressSpace ofIoas(long iommufd, long ioas) {
    return new AddressSpace("iommufd" + iommufd + ".ioas" + ioas);
  }

  /**
   * One of several domains that a log does not name.
   *
   * @param number from 1
   */
  static AddressSpace ofDomain(int number) {
    return new AddressSpace("domain" + number);
  }

  /** That of a device, where each line names it; what would harm a CSV file becomes a line. */
  static AddressSpace ofDevice(String device) {
    return new AddressSpace(device.replaceAll("[^\\w.:@/-]", "_"));
  }

  /** Whether the log says which space it is. */
  boolean isSaid() {
    return !equals(UNSAID) && !equals(SOME_DOMAIN);
  }
}
