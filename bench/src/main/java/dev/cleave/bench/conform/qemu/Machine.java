package dev.cleave.bench.conform.qemu;

import com.google.gson.JsonObject;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A QEMU that is ready to translate DMA: devices set up, the IOMMU running, every device passed
 * through, memory filled with echoes.
 *
 * <p>Belongs to one thread at a time.
 */
public final class Machine implements AutoCloseable {
  /** What lets a device's DMA through untranslated: V = 0. */
  public static final DeviceTableEntry PASSED_THROUGH = new DeviceTableEntry(0, 0, 0, 0);

  private static final String TRANSLATION_EVENT = "amdvi_translation_result";

  /** What the event says of one translation: the IOVA, and where its leaf leads. */
  private static final Pattern TRANSLATION =
      Pattern.compile(TRANSLATION_EVENT + " .*gpa 0x([0-9a-f]+) hpa 0x([0-9a-f]+)");

  private final QemuProcess process;
  private final AmdIommu iommu;
  private final E1000Loopback e1000;
  private final Map<Device, DmaDevice> devices = new EnumMap<>(Device.class);
  private final EchoMemory echo;
  private final List<String> traced = new ArrayList<>();
  private final Map<Long, Long> translations = new HashMap<>();

  private Machine(QemuProcess process) {
    this.process = process;
    QtestClient qtest = process.qtest();
    GuestMemory memory = process.memory();
    iommu = new AmdIommu(qtest, memory);
    e1000 = new E1000Loopback(qtest, memory);
    devices.put(Device.E1000, e1000);
    for (Device device : List.of(Device.EDU0, Device.EDU1)) {
      devices.put(device, new Edu(device, qtest, memory, iommu));
    }
    Pci pci = new Pci(qtest);
    for (Device device : Device.values()) {
      pci.enable(device);
    }
    e1000.enable(); // before the IOMMU is switched on: its rings need no table yet
    iommu.enable();
    echo = new EchoMemory(memory);
  }

  /**
   * Starts one.
   *
   * @param options which QEMU and how
   * @return a machine; the caller closes it
   * @throws QemuFailure if that cannot be done
   */
  public static Machine start(QemuOptions options) {
    QemuProcess process = QemuProcess.start(options);
    try {
      return new Machine(process);
    } catch (RuntimeException e) {
      process.close();
      throw e;
    }
  }

  /**
   * Guest memory.
   *
   * @return the memory
   */
  public GuestMemory memory() {
    return process.memory();
  }

  /**
   * The islands of guest memory that answer with their address.
   *
   * @return the islands
   */
  public EchoMemory echo() {
    return echo;
  }

  /**
   * The IOMMU.
   *
   * @return its command buffer and device table
   */
  public IommuPort iommu() {
    return iommu;
  }

  /**
   * A device.
   *
   * @param device which
   * @return what does its DMA
   */
  public DmaDevice dma(Device device) {
    return devices.get(device);
  }

  /**
   * Says where e1000 finds its rings.
   *
   * @param iova where its table maps {@link GuestLayout#WINDOW}
   */
  public void setWindow(long iova) {
    e1000.setWindow(iova);
  }

  /**
   * Lines that QEMU has traced since the last call.
   *
   * @return the lines of all events but translations
   */
  public List<String> traced() {
    collectTrace();
    List<String> lines = List.copyOf(traced);
    traced.clear();
    return lines;
  }

  /**
   * Reads at addresses and has QEMU tell where it sends them, which works beyond memory too.
   *
   * @param device who reads
   * @param iovas where, at most as many as it can at once
   * @return for each IOVA that was translated the address that its leaf leads to
   * @throws QemuFailure if QEMU does not trace
   */
  public Map<Long, Long> translations(Device device, long[] iovas) {
    setTraced(true);
    var _ = dma(device).read(iovas);
    setTraced(false);
    translations.clear();
    collectTrace();
    return Map.copyOf(translations);
  }

  private void setTraced(boolean isOn) {
    JsonObject arguments = new JsonObject();
    arguments.addProperty("name", TRANSLATION_EVENT);
    arguments.addProperty("enable", isOn);
    try {
      process.monitor().execute("trace-event-set-state", arguments);
    } catch (IOException e) {
      throw new QemuFailure("QEMU's monitor has ended: " + e.getMessage(), e);
    }
  }

  private void collectTrace() {
    for (String line : process.traced()) {
      Matcher matcher = TRANSLATION.matcher(line);
      if (matcher.find()) {
        translations.put(hex(matcher.group(1)), hex(matcher.group(2)));
      } else {
        traced.add(line);
      }
    }
  }

  private static long hex(String digits) {
    return Long.parseUnsignedLong(digits, 16);
  }

  /**
   * The process, for whoever must be sure that it ends.
   *
   * @return its process id
   */
  public long pid() {
    return process.pid();
  }

  /**
   * Lets QEMU write an ELF core of the part of guest memory that holds all tables.
   *
   * @param file where to
   * @throws QemuFailure if QEMU refuses
   * @throws IOException if it cannot be asked
   */
  public void dump(Path file) throws IOException {
    JsonObject arguments = new JsonObject();
    arguments.addProperty("paging", false);
    arguments.addProperty("protocol", "file:" + file.toAbsolutePath());
    arguments.addProperty("begin", 0);
    arguments.addProperty("length", GuestLayout.TABLES_END);
    process.monitor().execute("dump-guest-memory", arguments);
  }

  @Override
  public void close() {
    process.close();
  }
}
