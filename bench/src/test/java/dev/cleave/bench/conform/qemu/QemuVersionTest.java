package dev.cleave.bench.conform.qemu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.bench.io.BadInput;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QemuVersionTest {
  @ParameterizedTest
  @CsvSource({
    "7.2.22 (Debian 1:7.2),''",
    "9.2.0,''",
    "10.0.2,',pt=off'",
    "11.0.0,',pt=off'",
    "11.1.0,',pt=off,dma-remap=on'",
    "12.0.0,',pt=off,dma-remap=on'",
  })
  void aNewerIommuIsToldToTranslate(String version, String options) {
    String said = "QEMU emulator version " + version + "\nCopyright (c) somebody\n";

    QemuVersion parsed = QemuVersion.parse("qemu", said);

    assertEquals(options, parsed.iommuOptions());
    assertEquals("QEMU emulator version " + version, parsed.text());
  }

  @Test
  void whatDoesNotSayThatItIsQemuIsRefused() {
    assertThrows(BadInput.class, () -> QemuVersion.parse("true", ""));
  }
}
