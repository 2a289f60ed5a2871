package dev.cleave.bench.dmesg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Mutants;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every line of the kernel that people have, in every form. */
class KernelLinesTest {
  private static KernelLine.Event event(String text) {
    return assertInstanceOf(KernelLine.Event.class, KernelLines.parse(text));
  }

  @Test
  void anEventIsItsNameItsDeviceAndItsFields() {
    KernelLine.Event event =
        event(
            "[   78.000002] AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:02:00.0 domain=0x0001"
                + " address=0x7ff00000 flags=0x0050]");
    assertEquals("IO_PAGE_FAULT", event.name());
    assertEquals(DeviceId.parse("02:00.0"), event.device());
    assertNull(event.driver());
    assertEquals(Map.of("domain", 1L, "address", 0x7ff0_0000L, "flags", 0x50L), event.fields());
    assertEquals(List.of("domain", "address", "flags"), List.copyOf(event.fields().keySet()));
  }

  @Test
  void theDeviceMayStandBeforeThePrefixWithItsDriver() {
    KernelLine.Event event =
        event(
            "[   77.123456] vfio-pci 0001:41:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT"
                + " vmg_tag=0x0000, gpa=0x100201a88, flags_rmp=0x0000, flags=0x0020]");
    assertEquals("vfio-pci", event.driver());
    assertEquals(new DeviceId(1, 0x4100), event.device());
    assertEquals(0x1_0020_1a88L, event.field("gpa"));
    assertEquals(0x20, event.field("flags"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nvme 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d address=0xcff49550"
            + " flags=0x0070]",
        "Nov 29 01:00:00 host kernel: AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0"
            + " domain=0x0000 address=0x00000000cff49550 flags=0x0070]",
        "AMD-Vi: Event logged [RMP_PAGE_FAULT device=0000:41:00.0, vmg_tag=0x0000,"
            + " gpa=0x100201000, flags_rmp=0x0000, flags=0x0020]",
        "AMD-Vi: Event logged [RMP_HW_ERROR device=0000:41:00.0, vmg_tag=0x0000, spa=0x7000,"
            + " flags=0x0020]",
        "AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:01:00.0 pasid=0x00000"
            + " address=0xfffffffdf8000000 flags=0x0080]",
        "AMD-Vi: Event logged [DEV_TAB_HARDWARE_ERROR device=0000:01:00.0 address=0x1000"
            + " flags=0x0200]",
        "AMD-Vi: Event logged [PAGE_TAB_HARDWARE_ERROR device=0000:01:00.0 pasid=0x0000"
            + " address=0x1000 flags=0x0200]",
        "AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x1000]",
        "AMD-Vi: Event logged [COMMAND_HARDWARE_ERROR address=0x1000 flags=0x0200]",
        "AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=0000:01:00.0 address=0x1000]",
        "AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:01:00.0 pasid=0x00000"
            + " address=0xfdf8000020 flags=0x0a00]",
        "AMD-Vi: Event logged [INVALID_PPR_REQUEST device=0000:01:00.0 pasid=0x00000"
            + " address=0x1000 flags=0x0000 tag=0x001]",
        "AMD-Vi: Event logged [UNKNOWN event[0]=0x00000100 event[1]=0xf0000000"
            + " event[2]=0x00001000 event[3]=0x00000000"
      })
  void everyEventOfTheSheetIsRead(String line) {
    KernelLine.Event event = event(line);
    boolean hasDevice = line.contains(":00.0") || line.contains("=01:00.0");
    assertEquals(hasDevice, event.device() != null);
    assertEquals(
        line.replaceAll("(device|driver)=", "").chars().filter(c -> c == '=').count(),
        event.fields().size());
  }

  @Test
  void whatElseTheKernelSaysOfTheIommuIsRead() {
    assertEquals(
        new KernelLine.EntryWord(1, 0x20000001373b8013L),
        KernelLines.parse("[   78.1] AMD-Vi: DTE[1]: 20000001373b8013"));
    assertEquals(
        new KernelLine.CommandWord(3, 0x7fff_ffffL), KernelLines.parse("AMD-Vi: CMD[3]: 7fffffff"));
    assertEquals(
        new KernelLine.CommandRow(12, 0x30000038_00000000L, 0x7fffffff_fffff003L),
        KernelLines.parse("012: 00000000 30000038 fffff003 7fffffff"));
    assertEquals(
        new KernelLine.EntryRow(
            DeviceId.parse("0000:01:00.0"), 0, 0x20000001373b8013L, 0x38, 0x6000000000004603L),
        KernelLines.parse(
            "0000:01:00.0 0000000000000000 20000001373b8013 0000000000000038 6000000000004603"
                + " iommu0"));
    assertEquals(
        new KernelLine.Features(0xf77ef22294adaL, 0x2),
        KernelLines.parse("AMD-Vi: Extended features (0xf77ef22294ada, 0x2): PPR NX GT SNP"));
    assertEquals(
        new KernelLine.Control(0x1005L), KernelLines.parse("AMD-Vi: Control Reg : 0x1005"));
    assertEquals(
        new KernelLine.Suppressed(17),
        KernelLines.parse("amd_iommu_report_page_fault: 17 callbacks suppressed"));
  }

  @Test
  void whatTheKernelSaysOfTheRmpIsRead() {
    assertEquals(
        new KernelLine.RmpUpdateFailed(0x200, 1, 2),
        KernelLines.parse("SEV-SNP: RMPUPDATE failed for PFN 200, pg_level: 1, ret: 2"));
    assertEquals(
        new KernelLine.RmpEntry(0x1234, 5, 6),
        KernelLines.parse(
            "SEV-SNP: PFN 0x1234, RMP entry: [0x0000000000000005 - 0x0000000000000006]"));
    assertEquals(
        new KernelLine.RmpEntry(0x1234, 5, 6),
        KernelLines.parse("SEV-SNP: PFN: 0x1234, [0x0000000000000005 - 0x0000000000000006]"));
    assertEquals(
        new KernelLine.RmpRegion(0x1149cc, 0x114800, 0x114a00),
        KernelLines.parse(
            "SEV-SNP: PFN 0x1149cc unassigned, dumping non-zero entries in 2M PFN region:"
                + " [0x114800 - 0x114a00]"));
    assertEquals(
        new KernelLine.RmpRange(0x7e000000, 0x7f0fffff),
        KernelLines.parse(
            "SEV-SNP: RMP table physical range [0x000000007e000000 - 0x000000007f0fffff]"));
    assertEquals(
        new KernelLine.RmpSegment(1, 0x1000, 0x1fff, 0x40000000, 0x7fffffff),
        KernelLines.parse(
            "SEV-SNP: RMP segment 1 physical address [0x1000 - 0x1fff] covering [0x40000000 -"
                + " 0x7fffffff]"));
    assertEquals(
        new KernelLine.Leaked(0x146800, 0x146a00),
        KernelLines.parse("SEV-SNP: Leaking PFN range 0x146800-0x146a00"));
    assertEquals(
        new KernelLine.RmpFault(0x1000),
        KernelLines.parse("kvm_amd: SEV: Unexpected RMP fault for GPA 0x1000"));
    assertEquals(
        new KernelLine.SplitFailed(0x1000, 0x20, -16),
        KernelLines.parse("SEV: Unable to split RMP entry for GPA 0x1000 PFN 0x20 ret -16"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d address=0xcff4",
        "AMD-Vi: Event logged [IO_PAGE_FAULT domain=13 address=0xcff49550 flags=0x0070]",
        "AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x address=0xcff49550 flags=0x0070]",
        "AMD-Vi: Event logged [IO_PAGE_FAULT address=0x10000000000000000 flags=0x0070]",
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:02:20.0 address=0x1000 flags=0x0070]",
        "AMD-Vi: Event logged [IO_PAGE_FAULT address 0x1000]",
        "SEV-SNP: PFN 0x1234, RMP entry: [0x10000000000000005 - 0x0000000000000006]",
        "SEV-SNP: RMPUPDATE failed for PFN 11112222333344445, pg_level: 1, ret: 2"
      })
  void aValueThatCannotBeReadIsNotReadAsSomethingElse(String line) {
    assertInstanceOf(KernelLine.Malformed.class, KernelLines.parse(line));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "DTE[0]: 123",
        "DTE[4]: 0000000000000000",
        "AMD-Vi: Event logged",
        "usb 1-1: new high-speed USB device",
        "PFN 0x200"
      })
  void anythingElseIsAnythingElse(String line) {
    assertInstanceOf(KernelLine.Other.class, KernelLines.parse(line));
  }

  @Test
  void whateverALineHoldsItIsOneOfTheKinds() {
    Mutants.feedText(
        List.of(
            "[   77.1] vfio-pci 0000:41:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT vmg_tag=0x0000,"
                + " gpa=0x100201a88, flags_rmp=0x0000, flags=0x0020]",
            "0000:01:00.0 0000000000000000 20000001373b8013 0000000000000038 6000000000004603 iommu",
            "SEV-SNP: RMP segment 1 physical address [0x1000 - 0x1fff] covering [0x4000 - 0x7fff]",
            "SEV: Unable to split RMP entry for GPA 0x1000 PFN 0x20 ret -16",
            "012: 00000000 30000038 fffff003 7fffffff"),
        input -> KernelLines.parse(new String(input, StandardCharsets.ISO_8859_1)));
  }
}
