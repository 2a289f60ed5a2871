package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.io.Inputs;
import dev.cleave.bench.io.Numbers;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Register;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The model's IOMMU, given a real kernel's device table, translates as the kernel meant. */
class GoldenTablesOnModelTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final long INTERRUPTS = 0xFEE0_0000L;
  private static final long INTERRUPTS_END = 0xFEF0_0000L;

  private record Leaf(long iova, long paddr, long bytes, String permissions) {}

  @ParameterizedTest
  @ValueSource(strings = {"6.1.192/main", "6.1.192/after-unmap", "7.3.4/main", "7.3.4/after-unmap"})
  void everyLeafHoleAndPermissionIsReproduced(String image) throws IOException {
    Path directory = GOLDEN.resolve(image);
    JsonObject manifest =
        JsonParser.parseString(Files.readString(directory.resolve("manifest.json")))
            .getAsJsonObject();
    List<String> rows = text(directory.resolve("leaves.csv.gz")).lines().skip(1).toList();
    try (MemoryImage opened = MemoryImage.open(directory.toString(), OptionalLong.empty())) {
      Iommu iommu = new Iommu(opened.memory(), IommuConfig.standard());
      iommu.writeMmio(
          Register.DEVICE_TABLE_BASE,
          Numbers.parse(manifest.getAsJsonObject("mmio_regs").get("dev_tab_base").getAsString()));
      iommu.writeMmio(Register.CONTROL, Register.CONTROL_ENABLE);
      int looked = 0;
      for (JsonElement element : manifest.getAsJsonArray("domains")) {
        JsonObject domain = element.getAsJsonObject();
        List<Leaf> leaves = leaves(rows, domain);
        for (JsonElement device : domain.getAsJsonArray("devices")) {
          int id = DeviceId.parse(device.getAsString()).value();
          looked += check(iommu, id, leaves, domain.get("mode").getAsInt());
        }
      }
      assertTrue(looked > 1000, "accesses: " + looked);
    }
  }

  private static List<Leaf> leaves(List<String> rows, JsonObject domain) {
    String prefix =
        domain.get("domain_id").getAsString() + "," + domain.get("root").getAsString() + ",";
    List<Leaf> leaves = new ArrayList<>();
    for (String row : rows) {
      if (row.startsWith(prefix)) {
        String[] fields = row.substring(prefix.length()).split(",", -1);
        leaves.add(
            new Leaf(
                Numbers.parse(fields[0]),
                Numbers.parse(fields[1]),
                Numbers.parse(fields[2]),
                fields[3]));
      }
    }
    return leaves;
  }

  /** First, middle and last byte of each leaf, and its neighbours on both sides. */
  private static int check(Iommu iommu, int device, List<Leaf> leaves, int levels) {
    TreeMap<Long, Leaf> byIova = new TreeMap<>();
    leaves.forEach(leaf -> byIova.put(leaf.iova, leaf));
    long end = levels == 6 ? Long.MAX_VALUE : 1L << (12 + 9 * levels);
    int looked = 0;
    for (Leaf leaf : leaves) {
      for (long iova :
          new long[] {
            leaf.iova,
            leaf.iova + leaf.bytes / 2,
            leaf.iova + leaf.bytes - 1,
            leaf.iova - 1,
            leaf.iova + leaf.bytes
          }) {
        boolean isInterrupt = iova >= INTERRUPTS && iova < INTERRUPTS_END;
        if (iova >= 0 && iova < end && !isInterrupt) {
          var below = byIova.floorEntry(iova);
          Leaf around = below == null ? null : below.getValue();
          boolean isMapped = around != null && iova - around.iova < around.bytes;
          for (boolean isWrite : new boolean[] {false, true}) {
            boolean isAllowed = isMapped && around.permissions.contains(isWrite ? "w" : "r");
            long expected = isAllowed ? around.paddr + (iova - around.iova) : -1;
            long found = iommu.translate(device, iova, isWrite);
            assertEquals(
                expected,
                Outcome.isAddress(found) ? found : -1,
                () -> "device 0x%x, iova 0x%x".formatted(device, iova));
            looked++;
          }
        }
      }
    }
    return looked;
  }

  private static String text(Path file) throws IOException {
    try (InputStream in = Inputs.open(file.toString())) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
