package dev.cleave.bench.jmh;

import java.util.List;
import java.util.Map;

/** What {@code cleave bench} compares, with the ratios to reach. */
public final class Pairs {
  private static final Map<String, String> LEVELS = Map.of("levels", "3");
  private static final Map<String, String> SMALL = Map.of("levels", "3", "guest", "2G");
  private static final Map<String, String> LARGE = Map.of("levels", "3", "guest", "64G");
  private static final String FILL = "fill of the same table bytes";
  private static final String REWALK = "the re-walking table";
  private static final String ONE_THREAD = "one thread on both";
  private static final String TABLE_BYTES = "reading the same table bytes once";
  private static final String HEAP_RADIX = "on-heap long[] radix";
  private static final String PAGES = "map, translate and unmap one 4K page, both formats in turn";
  private static final String REGIONS = "split 2M and merge it, both formats in turn";

  /** All of them. Neighbours with equal parameters are measured together. */
  public static final List<Pair> ALL =
      List.of(
          new Pair("map 2 GiB as 4K leaves", FILL, "BulkRange.map", "BulkRange.fill", SMALL, 1.5),
          new Pair(
              "unmap 2 GiB of 4K leaves", FILL, "BulkRange.unmap", "BulkRange.fill", SMALL, 1.5),
          new Pair("map 64 GiB as 4K leaves", FILL, "BulkRange.map", "BulkRange.fill", LARGE, 1.2),
          new Pair(
              "unmap 64 GiB of 4K leaves", FILL, "BulkRange.unmap", "BulkRange.fill", LARGE, 1.2),
          new Pair(
              "map 64 GiB where 2M fits",
              "one store per leaf and table",
              "LargeLeaves.map2m",
              "LargeLeaves.stores2m",
              Map.of(),
              2),
          new Pair(
              "map 64 GiB where 1G fits",
              "one store per leaf and table",
              "LargeLeaves.map1g",
              "LargeLeaves.stores1g",
              Map.of(),
              2),
          new Pair(
              "map one 4K page",
              "translate of the same page",
              "SinglePage.map",
              "SinglePage.translate",
              LEVELS,
              1.6),
          new Pair(
              "unmap one 4K page",
              "translate of the same page",
              "SinglePage.unmap",
              "SinglePage.translate",
              LEVELS,
              1.6),
          new Pair(
              "unmap one 4K page, flush queue of 256",
              "unmap and complete of the same page",
              "SinglePage.unmapQueued",
              "SinglePage.unmap",
              LEVELS,
              1),
          new Pair(
              "map + unmap one 4K page",
              REWALK,
              "SinglePage.mapThenUnmap",
              "SinglePage.mapThenUnmapRewalking",
              LEVELS,
              1),
          new Pair(
              "map + unmap 256 x 4K in one call",
              REWALK,
              "RunOfPages.mapThenUnmap",
              "RunOfPages.mapThenUnmapRewalking",
              Map.of("levels", "3", "leaf", "4K"),
              0.1),
          new Pair(
              "map + unmap 256 x 2M in one call",
              REWALK,
              "RunOfPages.mapThenUnmap",
              "RunOfPages.mapThenUnmapRewalking",
              Map.of("levels", "3", "leaf", "2M"),
              0.1),
          new Pair(
              "map + unmap of 64 pages, flush queue of 256",
              "flush each",
              "DeferredFlushes.queued",
              "DeferredFlushes.each",
              Map.of(),
              0.9),
          new Pair(
              "translate, random over 64 GiB at 4K",
              HEAP_RADIX,
              "RandomTranslate.engine",
              "RandomTranslate.heapRadix",
              LARGE,
              1.1),
          new Pair(
              "translate in lists of 64, random over 64 GiB at 4K",
              "one a call",
              "RandomTranslate.batch",
              "RandomTranslate.engine",
              LARGE,
              0.4),
          new Pair(
              "split 2M into 512 x 4K",
              "the fill kernel on one table",
              "SplitMerge.split",
              "SplitMerge.fillKernel",
              LEVELS,
              2),
          new Pair(
              "merge 512 x 4K into 2M",
              "the forms-one-leaf kernel",
              "SplitMerge.merge",
              "SplitMerge.formsOneLeafKernel",
              LEVELS,
              2),
          new Pair(
              "share one 4K page of a region, and unshare it",
              "remap of that region twice, in bulk",
              "ShareUnshare.splitThenMerge",
              "ShareUnshare.remapInBulk",
              Map.of("levels", "3", "pageSizes", "4K,2M"),
              1),
          new Pair(
              "share one 4K page of a region, and unshare it",
              "remap of that region twice, page by page",
              "ShareUnshare.splitThenMerge",
              "ShareUnshare.remapPageByPage",
              Map.of("levels", "3", "pageSizes", "4K,2M"),
              0.1),
          new Pair(
              "share one 4K page and unshare it beside mixed regions, leaves up to 1G",
              "leaves up to 2M",
              "ShareAmongMixed.upTo1G",
              "ShareAmongMixed.upTo2M",
              Map.of("levels", "3"),
              1.25),
          new Pair(
              "fit over an unchanged 1 TiB guest",
              "reading its bitmap once",
              "FitUnchanged.fit",
              "FitUnchanged.readBitmap",
              Map.of("guest", "1T", "mixedEvery", "512"),
              1.5),
          new Pair(
              "map one sized leaf of 64K",
              "16 stores",
              "SizedLeaves.map",
              "SizedLeaves.stores",
              Map.of("levels", "3", "leaf", "64K"),
              1.5),
          new Pair(
              "map one sized leaf of 1M",
              "256 stores",
              "SizedLeaves.map",
              "SizedLeaves.stores",
              Map.of("levels", "3", "leaf", "1M"),
              1.5),
          largeLeaf("map", "2M"),
          largeLeaf("unmap", "2M"),
          largeLeaf("map", "1G"),
          largeLeaf("unmap", "1G"),
          new Pair(
              "two threads on disjoint halves, single pages",
              ONE_THREAD,
              "TwoThreads.pagesByTwo",
              "TwoThreads.pagesByOne",
              LEVELS,
              0.55),
          new Pair(
              "two threads on disjoint halves, 2 MiB runs",
              ONE_THREAD,
              "TwoThreads.runsByTwo",
              "TwoThreads.runsByOne",
              LEVELS,
              0.55),
          new Pair(
              "two threads on disjoint halves, 256 GiB as 4K leaves",
              ONE_THREAD,
              "BulkByTwo.byTwo",
              "BulkByTwo.byOne",
              Map.of("guest", "256G"),
              0.6),
          mixed(PAGES, "AMD v1 alone", "MixedFormats.pagesMixed", "MixedFormats.pagesV1"),
          mixed(PAGES, "x86-64 alone", "MixedFormats.pagesMixed", "MixedFormats.pagesX86"),
          mixed(REGIONS, "AMD v1 alone", "MixedFormats.regionsMixed", "MixedFormats.regionsV1"),
          mixed(REGIONS, "x86-64 alone", "MixedFormats.regionsMixed", "MixedFormats.regionsX86"),
          new Pair(
              "map + unmap one 4K page among 10^6 areas",
              "the bare table",
              "AddressSpaces.page",
              "AddressSpaces.pageBare",
              Map.of("tables", "1"),
              2),
          inBulk("map + unmap 256 MiB of 4K leaves", 1, "AddressSpaces.bulk"),
          inBulk("map + unmap 256 MiB of 4K leaves", 2, "AddressSpaces.bulk"),
          inBulk("map + unmap 256 MiB of 4K leaves", 4, "AddressSpaces.bulk"),
          inBulk("split 128 MiB to 4K and merge it", 1, "AddressSpaces.adjust"),
          inBulk("split 128 MiB to 4K and merge it", 2, "AddressSpaces.adjust"),
          inBulk("split 128 MiB to 4K and merge it", 4, "AddressSpaces.adjust"),
          dirty("0", TABLE_BYTES, "DirtySweep.readTableBytes", 1.5),
          dirty("0.1", TABLE_BYTES, "DirtySweep.readTableBytes", 1.5),
          dirty("1", TABLE_BYTES, "DirtySweep.readTableBytes", 3),
          dirty("10", TABLE_BYTES, "DirtySweep.readTableBytes", 10),
          dirty("0", HEAP_RADIX, "DirtySweep.heapRadix", 1),
          dirty("0.1", HEAP_RADIX, "DirtySweep.heapRadix", 1),
          dirty("1", HEAP_RADIX, "DirtySweep.heapRadix", 1),
          dirty("10", HEAP_RADIX, "DirtySweep.heapRadix", 1),
          new Pair(
              "read and clear 64 GiB in two threads, a device beside",
              ONE_THREAD,
              "DirtySweepByTwo.passByTwo",
              "DirtySweepByTwo.passByOne",
              Map.of(),
              0.7));

  private Pairs() {}

  /** An address space of a million areas against its tables. */
  private static Pair inBulk(String work, int tables, String benchmark) {
    return new Pair(
        work + " in a space of 10^6 areas",
        "%d bare tables".formatted(tables),
        benchmark,
        benchmark + "Bare",
        Map.of("tables", Integer.toString(tables)),
        1.25);
  }

  /** One leaf above the leaf tables. */
  private static Pair largeLeaf(String benchmark, String leaf) {
    return new Pair(
        benchmark + " one " + leaf + " leaf",
        "translate of the same leaf",
        "SingleLeaf." + benchmark,
        "SingleLeaf.translate",
        Map.of("leaf", leaf),
        1.6);
  }

  /** A pass of dirty tracking. */
  private static Pair dirty(String percent, String against, String rival, double limit) {
    return new Pair(
        "read and clear 64 GiB at 4K, %s %% dirty".formatted(percent),
        against,
        "DirtySweep.readAndClear",
        rival,
        Map.of("dirtyPercent", percent),
        limit);
  }

  private static Pair mixed(String work, String against, String benchmark, String rival) {
    return new Pair(work, against, benchmark, rival, Map.of(), 1.1);
  }
}
