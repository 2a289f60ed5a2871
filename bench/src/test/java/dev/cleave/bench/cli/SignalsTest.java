package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the tests that interrupt others find out before. */
class SignalsTest {
  @ParameterizedTest
  @CsvSource({
    "0000000000000000, false",
    "0000000000000002, true",
    "0000000000000005, false",
    "ffffffffffffffff, true",
    "fffffffffffffffd, false"
  })
  void theSecondBitOfTheIgnoredSignalsIsThatOfCtrlC(String mask, boolean isIgnored) {
    List<String> status = List.of("SigBlk:\t0000000000000002", "SigIgn:\t" + mask);
    assertEquals(isIgnored, Signals.isIgnored(status, 2));
  }

  @Test
  void whatIgnoresASignalSaysSo() throws Exception {
    Process process =
        new ProcessBuilder("sh", "-c", "trap '' INT; exec grep SigIgn: /proc/self/status").start();
    String line = Signals.awaitLine(process, "SigIgn:");
    assertEquals(0, Signals.awaitEnd(process));
    assertTrue(Signals.isIgnored(List.of(line), 2));
  }

  @Test
  void aProcessBehindThePrefixEndsByCtrlC() throws Exception {
    List<String> command = new ArrayList<>(Signals.prefix());
    command.addAll(List.of("sh", "-c", "echo ready; exec sleep 600"));
    Process process = new ProcessBuilder(command).start();
    Signals.awaitLine(process, "ready");
    Signals.send("INT", process);
    assertNotEquals(0, Signals.awaitEnd(process));
  }
}
