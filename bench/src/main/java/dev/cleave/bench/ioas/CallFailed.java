package dev.cleave.bench.ioas;

/** A call that the model of {@code /dev/iommu} refuses. */
final class CallFailed extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final String errno;
  private final String rest;

  CallFailed(String errno) {
    this(errno, "");
  }

  /** A refusal that comes with an answer all the same. */
  CallFailed(String errno, String rest) {
    super(errno);
    this.errno = errno;
    this.rest = rest;
  }

  String errno() {
    return errno;
  }

  String rest() {
    return rest;
  }
}
