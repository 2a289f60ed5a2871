package dev.cleave.bench.explain;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.table.Domain;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The tables that events are about. */
public interface Tables {
  /**
   * The domains that an event may be about.
   *
   * @param device whose request it was, where known
   * @param domainId its domain, where known
   * @return none where the image knows of none
   */
  List<Domain> of(@Nullable DeviceId device, OptionalInt domainId);

  /** Looks an address up. */
  Lookup lookup(Domain domain, long iova);
}
