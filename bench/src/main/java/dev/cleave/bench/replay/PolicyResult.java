package dev.cleave.bench.replay;

import dev.cleave.bench.machine.DmaResult;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a policy did over a whole replay, by column.
 *
 * @param policy its name
 * @param order what came first when table and RMP changed; null where no order is chosen
 * @param flush when flushes were issued: {@code immediate} or {@code deferred=N}
 * @param figures those columns that are about the run as a whole
 * @param dma what devices met, with {@code --dma}
 * @param devices the same by kind; none without
 * @param tables what the IOMMU tables of all address spaces came to together, then the nested one
 * @param spaces what happened in each address space
 * @param refused events that were refused, by reason
 */
public record PolicyResult(
    String policy,
    @Nullable String order,
    String flush,
    Map<ReplayColumn, Long> figures,
    @Nullable DmaResult dma,
    List<DeviceResult> devices,
    List<TableResult> tables,
    List<SpaceResult> spaces,
    Map<String, Long> refused) {
  static PolicyResult of(
      String policy,
      @Nullable String order,
      String flush,
      RunEnd end,
      @Nullable DmaResult dma,
      List<DeviceResult> devices,
      List<TableResult> tables,
      List<SpaceResult> spaces) {
    Map<ReplayColumn, Long> figures = new EnumMap<>(ReplayColumn.class);
    for (ReplayColumn column : ReplayColumn.values()) {
      Long figure = column.of(end);
      if (figure != null) {
        figures.put(column, figure);
      }
    }
    return new PolicyResult(
        policy, order, flush, figures, dma, devices, tables, spaces, end.refused());
  }

  /**
   * The figure of a column that is counted; of a table's own, that of the IOMMU tables.
   *
   * @param column of devices only if there were any
   */
  public long get(ReplayColumn column) {
    if (column.isOfDevices()) {
      return column.of(dma);
    }
    return column.isOfTable() ? tables.getFirst().get(column) : figures.get(column);
  }
}
