package dev.cleave.bench.replay;

import dev.cleave.bench.machine.DeviceCounts;
import dev.cleave.bench.machine.DmaResult;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Where the figure of a {@link ReplayColumn} comes from. */
sealed interface ColumnSource {
  record OfRun(ToLongFunction<RunEnd> figure) implements ColumnSource {}

  record OfTable(ToLongFunction<TableEnd> figure) implements ColumnSource {}

  /**
   * The devices, those of one kind or all.
   *
   * @param figure what was counted, or null where it is only computed
   * @param shown what a person is shown instead
   */
  record OfDevices(
      @Nullable ToLongFunction<DeviceCounts> figure, Function<DeviceCounts, @Nullable Number> shown)
      implements ColumnSource {}

  /** What they have in common. */
  record OfMachine(ToLongFunction<DmaResult> figure) implements ColumnSource {}

  static ColumnSource run(ToLongFunction<RunEnd> figure) {
    return new OfRun(figure);
  }

  static ColumnSource table(ToLongFunction<TableEnd> figure) {
    return new OfTable(figure);
  }

  static ColumnSource devices(ToLongFunction<DeviceCounts> figure) {
    return new OfDevices(figure, figure::applyAsLong);
  }

  static ColumnSource devices(
      ToLongFunction<DeviceCounts> figure, Function<DeviceCounts, @Nullable Number> shown) {
    return new OfDevices(figure, shown);
  }

  static ColumnSource computed(Function<DeviceCounts, @Nullable Number> shown) {
    return new OfDevices(null, shown);
  }

  static ColumnSource machine(ToLongFunction<DmaResult> figure) {
    return new OfMachine(figure);
  }
}
