/**
 * The hardware that reads what software wrote: physical memory and what lives in it. Written from
 * the specification alone; it shares no class with the engine, only memory.
 */
// Agrona is an automatic module, and its Agent is part of our API.
@SuppressWarnings("requires-transitive-automatic")
module dev.cleave.hwmodel {
  requires static transitive com.google.errorprone.annotations;
  requires transitive org.agrona;
  requires static transitive org.jspecify;

  exports dev.cleave.hwmodel.cpu;
  exports dev.cleave.hwmodel.dma;
  exports dev.cleave.hwmodel.iommu;
  exports dev.cleave.hwmodel.memory;
  exports dev.cleave.hwmodel.rmp;
}
