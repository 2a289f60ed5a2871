package dev.cleave.engine.ioas;

/** The error numbers that iommufd would return, by their names in Linux. */
public enum Errno {
  /** The memory behind a range is not there, or may not be written. */
  EFAULT,
  /** A rule for addresses, lengths or permissions is broken. */
  EINVAL,
  /** No area is there. */
  ENOENT,
  /** An area is there already. */
  EEXIST,
  /** What is there is in the way of what is asked for. */
  EADDRINUSE,
  /** No hole is large enough. */
  ENOSPC,
  /** A range passes 2^64. */
  EOVERFLOW,
  /** Memory was not mapped to be written. */
  EPERM,
  /** There is no table memory. */
  ENOMEM,
  /** Something is still in use. */
  EBUSY
}
