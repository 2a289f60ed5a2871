package dev.cleave.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/** The table of pairs against what was promised, and against the benchmarks there are. */
class PairsTest {
  /** Every ratio to reach. Heap bytes and metadata are no pairs of benchmarks. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          map 2 GiB as 4K leaves | fill of the same table bytes | 1.5
          map 64 GiB as 4K leaves | fill of the same table bytes | 1.2
          unmap 2 GiB of 4K leaves | fill of the same table bytes | 1.5
          unmap 64 GiB of 4K leaves | fill of the same table bytes | 1.2
          map 64 GiB where 2M fits | one store per leaf and table | 2
          map 64 GiB where 1G fits | one store per leaf and table | 2
          map one 4K page | translate of the same page | 1.6
          unmap one 4K page | translate of the same page | 1.6
          unmap one 4K page, flush queue of 256 | unmap and complete of the same page | 1.0
          map + unmap one 4K page | the re-walking table | 1.0
          map + unmap 256 x 4K in one call | the re-walking table | 0.1
          map + unmap 256 x 2M in one call | the re-walking table | 0.1
          map + unmap of 64 pages, flush queue of 256 | flush each | 0.9
          translate, random over 64 GiB at 4K | on-heap long[] radix | 1.1
          translate in lists of 64, random over 64 GiB at 4K | one a call | 0.4
          split 2M into 512 x 4K | the fill kernel on one table | 2.0
          merge 512 x 4K into 2M | the forms-one-leaf kernel | 2.0
          share one 4K page of a region, and unshare it | remap of that region twice, in bulk | 1.0
          share one 4K page of a region, and unshare it | remap of that region twice, page by page | 0.1
          share one 4K page and unshare it beside mixed regions, leaves up to 1G | leaves up to 2M | 1.25
          fit over an unchanged 1 TiB guest | reading its bitmap once | 1.5
          map one sized leaf of 64K | 16 stores | 1.5
          map one sized leaf of 1M | 256 stores | 1.5
          map one 2M leaf | translate of the same leaf | 1.6
          unmap one 2M leaf | translate of the same leaf | 1.6
          map one 1G leaf | translate of the same leaf | 1.6
          unmap one 1G leaf | translate of the same leaf | 1.6
          two threads on disjoint halves, single pages | one thread on both | 0.55
          two threads on disjoint halves, 2 MiB runs | one thread on both | 0.55
          two threads on disjoint halves, 256 GiB as 4K leaves | one thread on both | 0.6
          map, translate and unmap one 4K page, both formats in turn | AMD v1 alone | 1.1
          map, translate and unmap one 4K page, both formats in turn | x86-64 alone | 1.1
          split 2M and merge it, both formats in turn | AMD v1 alone | 1.1
          split 2M and merge it, both formats in turn | x86-64 alone | 1.1
          map + unmap one 4K page among 10^6 areas | the bare table | 2
          map + unmap 256 MiB of 4K leaves in a space of 10^6 areas | 1 bare tables | 1.25
          map + unmap 256 MiB of 4K leaves in a space of 10^6 areas | 2 bare tables | 1.25
          map + unmap 256 MiB of 4K leaves in a space of 10^6 areas | 4 bare tables | 1.25
          split 128 MiB to 4K and merge it in a space of 10^6 areas | 1 bare tables | 1.25
          split 128 MiB to 4K and merge it in a space of 10^6 areas | 2 bare tables | 1.25
          split 128 MiB to 4K and merge it in a space of 10^6 areas | 4 bare tables | 1.25
          read and clear 64 GiB at 4K, 0 % dirty | reading the same table bytes once | 1.5
          read and clear 64 GiB at 4K, 0.1 % dirty | reading the same table bytes once | 1.5
          read and clear 64 GiB at 4K, 1 % dirty | reading the same table bytes once | 3
          read and clear 64 GiB at 4K, 10 % dirty | reading the same table bytes once | 10
          read and clear 64 GiB at 4K, 0 % dirty | on-heap long[] radix | 1
          read and clear 64 GiB at 4K, 0.1 % dirty | on-heap long[] radix | 1
          read and clear 64 GiB at 4K, 1 % dirty | on-heap long[] radix | 1
          read and clear 64 GiB at 4K, 10 % dirty | on-heap long[] radix | 1
          read and clear 64 GiB in two threads, a device beside | one thread on both | 0.7
          """)
  void everyPromisedRatioIsThereOnce(String work, String against, double limit) {
    List<Double> limits =
        Pairs.ALL.stream()
            .filter(pair -> pair.work().equals(work) && pair.against().equals(against))
            .map(Pair::limit)
            .toList();
    assertEquals(List.of(limit), limits);
  }

  @Test
  void noPairIsThereWithoutAPromise() {
    assertEquals(50, Pairs.ALL.size());
  }

  static List<Pair> pairs() {
    return Pairs.ALL;
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void bothSidesExistAndAllTheirParametersAreChosen(Pair pair) throws Exception {
    Set<String> parameters =
        Stream.of(pair.benchmark(), pair.rival())
            .flatMap(name -> parameters(method(name)))
            .collect(Collectors.toSet());
    assertEquals(pair.parameters().keySet(), parameters);
  }

  private static Method method(String name) {
    String[] parts = name.split("\\.", -1);
    try {
      Class<?> type = Class.forName(PairsTest.class.getPackageName() + "." + parts[0]);
      List<Method> found =
          Arrays.stream(type.getMethods())
              .filter(method -> method.isAnnotationPresent(Benchmark.class))
              .filter(method -> method.getName().equals(parts[1]))
              .toList();
      assertEquals(1, found.size(), name);
      return found.getFirst();
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e);
    }
  }

  /** Parameters of the states of a benchmark, and of the states that these ask for. */
  private static Stream<String> parameters(Method method) {
    Function<Class<?>, Stream<Class<?>>> withParents =
        type -> Stream.<Class<?>>iterate(type, t -> t != Object.class, Class::getSuperclass);
    return Arrays.stream(method.getParameterTypes())
        .flatMap(type ->
            Stream.concat(
                Stream.of(type),
                Arrays.stream(type.getMethods())
                    .filter(setup -> setup.isAnnotationPresent(Setup.class))
                    .flatMap(setup -> Arrays.stream(setup.getParameterTypes()))))
        .flatMap(withParents)
        .flatMap(type -> Arrays.stream(type.getDeclaredFields()))
        .filter(field -> field.isAnnotationPresent(Param.class))
        .map(Field::getName);
  }

  @Test
  void everyBenchmarkSaysHowItsJvmIsStarted() {
    List<Class<?>> types =
        List.of(
            BulkRange.class,
            LargeLeaves.class,
            SinglePage.class,
            RunOfPages.class,
            DeferredFlushes.class,
            RandomTranslate.class,
            SplitMerge.class,
            ShareUnshare.class,
            ShareAmongMixed.class,
            FitUnchanged.class,
            SizedLeaves.class,
            SingleLeaf.class,
            TwoThreads.class,
            BulkByTwo.class,
            DirtySweep.class,
            DirtySweepByTwo.class);
    for (Class<?> type : types) {
      var fork = type.getAnnotation(Fork.class);
      assertTrue(
          List.of(fork.jvmArgsAppend()).contains("--enable-native-access=ALL-UNNAMED"),
          type.getName());
    }
  }
}
