/**
 * The page-table engine: AMD-Vi page tables in off-heap memory, and what keeps them in step with
 * the SEV-SNP reverse map. Nothing but {@code java.base} is needed at run time.
 */
module dev.cleave.engine {
  requires static com.google.errorprone.annotations;
  requires static jdk.incubator.vector;
  requires static jdk.jfr;
  requires static org.jspecify;

  exports dev.cleave.engine;
  exports dev.cleave.engine.format;
  exports dev.cleave.engine.ioas;
  exports dev.cleave.engine.rmp;
}
