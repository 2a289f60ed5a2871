package dev.cleave.bench.processor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What tells a core of one's own from one that is shared. */
class CoreLookTest {
  @ParameterizedTest
  @CsvSource({
    "2.00, 0.50, true",
    "1.90, 0.40, true",
    "2.05, 0.52, true",
    "2.07, 0.50, false",
    "2.00, 0.54, false"
  })
  void aNeighbourTakesOfAdditionsOrOfCopies(double adding, double copying, boolean isOwn) {
    assertEquals(isOwn, new CoreLook(adding, copying).isOwn(new CoreLook(2, 0.5)));
  }

  @Test
  void whatNobodyHasSeenIsAsGoodAsAny() {
    assertTrue(new CoreLook(9, 9).isOwn(CoreLook.UNKNOWN));
    assertFalse(CoreLook.UNKNOWN.isOwn(new CoreLook(9, 9)));
    assertEquals(new CoreLook(2, 0.5), CoreLook.UNKNOWN.least(new CoreLook(2, 0.5)));
    assertEquals(new CoreLook(2, 0.5), new CoreLook(2, 0.6).least(new CoreLook(3, 0.5)));
  }

  @ParameterizedTest
  @CsvSource({"2.0791, 0.5384", "Infinity, Infinity"})
  void aLineTellsAllOfIt(double adding, double copying) {
    CoreLook look = new CoreLook(adding, copying);
    assertEquals(look, CoreLook.of(look.text()));
  }

  @Test
  void aWatchLearnsOnceItHasLookedOften() {
    CoreWatch watch = new CoreWatch(CoreLook.UNKNOWN);
    assertTrue(watch.isOwn());
    assertEquals(Double.POSITIVE_INFINITY, watch.leastChainNanos(), "one look may be wrong");
    watch.learn();
    assertEquals(CoreLook.UNKNOWN, watch.own());
    for (int i = 0; i < 2000; i++) {
      var _ = watch.isOwn();
      assertTrue(watch.adding() > 0 && watch.copying() > 0 && watch.chainNanos() > 0);
    }
    assertTrue(watch.leastChainNanos() > 0 && Double.isFinite(watch.leastChainNanos()));
    watch.learn();
    CoreLook own = watch.own();
    assertTrue(own.adding() > 1 && own.adding() < 100, own.toString());
    assertTrue(own.copying() > 0 && own.copying() < 100, own.toString());
  }

  @Test
  void whatOthersKnowBetterStays() {
    CoreLook better = new CoreLook(0.1, 0.001);
    CoreWatch watch = new CoreWatch(better);
    int own = 0;
    for (int i = 0; i < 2000; i++) {
      own += watch.isOwn() ? 1 : 0; // when it was the single chain that waited
    }
    watch.learn();
    assertTrue(own < 100, own + " of 2000");
    assertEquals(better, watch.own());
  }
}
