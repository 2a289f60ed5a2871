package dev.cleave.bench.cli;

import dev.cleave.bench.conform.Conformance.Failure;
import dev.cleave.bench.conform.ConformanceResult;
import dev.cleave.bench.conform.KnownDeviation;
import dev.cleave.bench.conform.qemu.QemuVersion;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The outcome of {@code cleave conform} for a program. */
final class ConformJson {
  private ConformJson() {}

  static Map<String, Object> of(
      QemuVersion version,
      long seed,
      String flush,
      ConformanceResult result,
      Optional<Failure> failure,
      Duration took) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("qemu", version.text());
    json.put("seed", seed);
    json.put("flush", flush);
    json.put("seconds", took.toMillis() / 1e3);
    json.put("cases", result.cases());
    json.put("states", result.states());
    json.put("refused", result.refused());
    json.put("probes", result.probes());
    json.put("reads", result.reads());
    json.put("writes", result.writes());
    json.put("during", result.during());
    json.put("far", result.far());
    json.put("stale", result.stale());
    json.put("flushes", result.flushes());
    json.put("differences", failure.isPresent() ? 1 : 0);
    json.put("failure", failure.orElse(null));
    Map<String, Object> kinds = new LinkedHashMap<>();
    result.kinds().forEach((kind, done) -> kinds.put(kind.word(), done));
    json.put("kinds", kinds);
    List<Map<String, Object>> excluded = new ArrayList<>();
    for (KnownDeviation deviation : KnownDeviation.values()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("name", deviation.name());
      one.put("why", deviation.why());
      one.put("accesses", result.excluded().getOrDefault(deviation, 0L));
      excluded.add(one);
    }
    json.put("excluded", excluded);
    return json;
  }
}
