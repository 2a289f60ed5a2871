package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The secure entry, field by field, against the bit numbers of the specification. */
class SecureDeviceEntryTest {
  /** Bits of the 512 that hold no field of the hardware's, 102 and 103 counted as such. */
  private static final int[][] RESERVED = {
    {1, 3},
    {7, 51},
    {53, 53},
    {63, 63},
    {97, 105},
    {133, 133},
    {180, 181},
    {184, 186},
    {188, 191},
    {204, 206},
    {240, 240},
    {243, 245},
    {247, 247},
    {357, 511}
  };

  /** What a guest may ask for. */
  private static final int[][] GUESTS = {{0, 0}, {61, 62}, {241, 242}, {320, 351}};

  private static boolean isIn(int[][] ranges, int bit) {
    for (int[] range : ranges) {
      if (bit >= range[0] && bit <= range[1]) {
        return true;
      }
    }
    return false;
  }

  private static long[] withBit(int bit) {
    long[] words = new long[8];
    words[bit / 64] = 1L << bit % 64;
    return words;
  }

  @Test
  void everyOneOfThe512BitsIsReservedOrNotAndTheGuestsOrNot() {
    for (int bit = 0; bit < 512; bit++) {
      long[] words = withBit(bit);
      assertEquals(isIn(GUESTS, bit), SecureDeviceEntry.isRequest(words), "guest, bit " + bit);
      words[3] |= 1L << (239 - 192);
      assertEquals(isIn(RESERVED, bit), SecureDeviceEntry.hasReservedBit(words), "bit " + bit);
    }
    assertTrue(SecureDeviceEntry.hasReservedBit(new long[8]), "guest_id_mbo must be one");
  }

  private record Field(String name, int first, int last, int shift, LongUnaryOperator read) {}

  /** A field takes exactly its bits, whatever stands around it. */
  private static void assertField(long[] words, Field field, long value) {
    for (int bit = 0; bit < 512; bit++) {
      boolean inside = bit >= field.first && bit <= field.last;
      long expected =
          inside ? (value >>> (bit - field.first) & 1) : (words[bit / 64] >>> bit % 64 & 1);
      assertEquals(expected, words[bit / 64] >>> bit % 64 & 1, field.name + " bit " + bit);
    }
    int word = field.first / 64;
    assertEquals(value << field.shift, field.read.applyAsLong(words[word]), field.name);
    long mask = -1L >>> (63 - (field.last - field.first));
    long noise = ~(mask << field.first % 64);
    assertEquals(
        value << field.shift, field.read.applyAsLong(words[word] | (noise & ~1L)), field.name);
  }

  @Test
  void everyFieldTheModelReadsIsReadBackFromItsBits() {
    List<Field> fields = new ArrayList<>();
    fields.add(new Field("V", 0, 0, 0, q -> SecureDeviceEntry.isValid(q) ? 1 : 0));
    fields.add(new Field("IR, IW", 61, 62, 0, SecureDeviceEntry::permissions));
    fields.add(new Field("DomainID", 64, 79, 0, SecureDeviceEntry::domainId));
    fields.add(new Field("ASID", 192, 203, 0, SecureDeviceEntry::asid));
    fields.add(new Field("guest device", 208, 223, 0, SecureDeviceEntry::guestDeviceId));
    fields.add(new Field("guest id", 224, 238, 0, SecureDeviceEntry::guestId));
    fields.add(new Field("VMPL", 241, 242, 0, SecureDeviceEntry::vmpl));
    for (int i = 0; i < 8; i++) {
      int traffic = i;
      int first = 256 + 8 * i;
      LongUnaryOperator read = q -> SecureDeviceEntry.stream(q, traffic);
      fields.add(new Field("stream " + i, first, first + 7, 0, read));
    }
    fields.add(new Field("vTOM", 321, 351, 21, q -> SecureDeviceEntry.vTom(q | 1)));
    fields.add(new Field("root port", 352, 356, 0, SecureDeviceEntry::rootPort));
    Random random = new Random(17);
    for (Field field : fields) {
      long mask = -1L >>> (63 - (field.last - field.first));
      for (long value : new long[] {0, mask, random.nextLong() & mask, 1}) {
        long[] words = new long[8];
        words[field.first / 64] = value << field.first % 64;
        assertField(words, field, value);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0x6000000000000001, 2, 0x200000, 0x4000000000000, 0x3",
    "0x2000000000000001, 3, 0xfffffffe00000, 0x6000000000000, 0xffffffff",
    "0x4000000000000001, 0, -1, 0x0, 0x0",
    "0x0, 1, 0x10000000000, 0x2000000000000, 0x100001",
  })
  void requestsAreComposedToTheBitAndReadBack(
      String access, int vmpl, String vTom, String q3, String q5) {
    long boundary = Long.decode(vTom);
    long[] words = SecureDeviceEntry.request(Long.decode(access), vmpl, boundary);
    long[] expected = {Long.decode(access), 0, 0, Long.decode(q3), 0, Long.decode(q5), 0, 0};
    assertArrayEquals(expected, words);
    assertTrue(SecureDeviceEntry.isRequest(words));
    assertEquals(vmpl, SecureDeviceEntry.vmpl(words[3]));
    assertEquals(boundary, SecureDeviceEntry.vTom(words[5]));
  }

  @Test
  void aRequestOutOfRangeIsRefusedWithItsValues() {
    Exception refused =
        assertThrows(
            IllegalArgumentException.class, () -> SecureDeviceEntry.request(1, 0, 0x10_0000));
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.endsWith("access=0x1, VMPL=0, vTOM=0x100000"), message);
    assertThrows(IllegalArgumentException.class, () -> SecureDeviceEntry.request(1, 0, 1L << 52));
    assertThrows(IllegalArgumentException.class, () -> SecureDeviceEntry.request(1, 4, -1));
    assertThrows(IllegalArgumentException.class, () -> SecureDeviceEntry.request(2, 0, -1));
  }

  @Test
  void whatTheFirmwareWritesIsComposedToTheBit() {
    TdiBinding binding =
        new TdiBinding(
            0x1234,
            0x7abc,
            0xfedc,
            true,
            new TdiBinding.GuestTables(0xf_5a5a_5a5a_5000L, 3, 5, true));
    long[] words = SecureDeviceEntry.bound(binding, 0x3ff, 21, 0x0807_0605_0403_0201L);
    long[] expected = {
      0x16c0_0000_0000_0000L,
      0xf5a5_a001_b4b4_1234L,
      0x0040_0000_0000_0000L,
      0x0000_fabc_fedc_83ffL,
      0x0807_0605_0403_0201L,
      0x0000_0015_0000_0000L,
      0,
      0
    };
    assertArrayEquals(expected, words);
    assertFalse(SecureDeviceEntry.hasReservedBit(words));
    long[] plain = SecureDeviceEntry.bound(TdiBinding.of(7), 5, 0, 0);
    assertArrayEquals(new long[] {0, 7, 0, 0x8000_0000_0005L, 0, 0, 0, 0}, plain);
  }

  @Test
  void aGuestsRequestChangesItsOwnBitsOnly() {
    long[] entry = new long[8];
    long[] request = new long[8];
    Arrays.fill(request, -1);
    SecureDeviceEntry.apply(entry, request);
    for (int bit = 0; bit < 512; bit++) {
      assertEquals(isIn(GUESTS, bit), (entry[bit / 64] >>> bit % 64 & 1) == 1, "bit " + bit);
    }
    Arrays.fill(entry, -1);
    SecureDeviceEntry.apply(entry, new long[8]);
    for (int bit = 0; bit < 512; bit++) {
      assertEquals(isIn(GUESTS, bit), (entry[bit / 64] >>> bit % 64 & 1) == 0, "bit " + bit);
    }
  }

  @Test
  void bindingsOutOfRangeAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> TdiBinding.of(0x1_0000));
    assertThrows(IllegalArgumentException.class, () -> new TdiBinding(0, 0x8000, 0, false, null));
    assertThrows(
        IllegalArgumentException.class, () -> new TdiBinding.GuestTables(0x800, 1, 4, false));
    assertThrows(
        IllegalArgumentException.class, () -> new TdiBinding.GuestTables(1L << 52, 1, 4, false));
    assertThrows(
        IllegalArgumentException.class, () -> new TdiBinding.GuestTables(0x1000, 4, 4, false));
    assertThrows(
        IllegalArgumentException.class, () -> new TdiBinding.GuestTables(0x1000, 1, 6, false));
  }
}
