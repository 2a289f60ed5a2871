package dev.cleave.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FlatRowsTest {
  private record Inner(int accesses, boolean isGood) {}

  @Test
  void whatIsNestedHasItsNameBehindADot() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("policy", "follow");
    row.put("dma", new Inner(7, true));
    row.put("sizes", Arrays.asList(1, 2.5, "x"));
    row.put("none", null);
    row.put("list", List.of(new Inner(1, false)));
    FlatRows flat = FlatRows.of(List.of(row));
    assertEquals(
        List.of("policy", "dma.accesses", "dma.isGood", "sizes", "none", "list"), flat.columns());
    assertEquals(
        List.of(
            List.of("follow", "7", "true", "1 2.5 x", "", "[{\"accesses\":1,\"isGood\":false}]")),
        flat.rows());
  }

  @Test
  void aRowHasNothingWhereOnlyAnotherHasSomething() {
    FlatRows flat = FlatRows.of(List.of(Map.of("a", 1), Map.of("b", 2)));
    assertEquals(List.of("a", "b"), flat.columns());
    assertEquals(List.of(List.of("1", ""), List.of("", "2")), flat.rows());
  }

  @Test
  void nothingIsNothing() {
    assertEquals(List.of(), FlatRows.of(List.of()).columns());
  }
}
