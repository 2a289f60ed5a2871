package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.extent.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class PageNumbersTest {
  private static final long PAGE = 4096;

  @Test
  void every_page_has_its_number_and_every_number_its_page() {
    Random random = new Random(5);
    List<Extent> extents = new ArrayList<>();
    List<Long> pages = new ArrayList<>();
    for (long at = PAGE; extents.size() < 50; at += random.nextInt(1, 9) * PAGE) {
      long length = random.nextInt(1, 6) * PAGE;
      extents.add(Extent.of(at, length, 0, 0));
      for (long end = at + length; at < end; at += PAGE) {
        pages.add(at);
      }
    }
    PageNumbers numbers = PageNumbers.ofIovas(extents);
    assertEquals(pages.size(), numbers.count());
    for (int i = 0; i < 10_000; i++) { // in any order, since it remembers where it was
      int number = random.nextInt(pages.size());
      assertEquals(pages.get(number), numbers.address(number));
      long address = random.nextLong(pages.getLast() + 3 * PAGE);
      assertEquals(
          Math.max(PageNumbers.NONE, pages.indexOf(address & -PAGE)), numbers.number(address));
    }
  }

  @Test
  void memory_that_several_iovas_lead_to_is_numbered_once() {
    Random random = new Random(6);
    List<Extent> extents = new ArrayList<>();
    TreeSet<Long> pages = new TreeSet<>();
    for (int i = 0; i < 40; i++) {
      long paddr = random.nextInt(300) * PAGE;
      long length = random.nextInt(1, 9) * PAGE;
      extents.add(Extent.of(i << 20, length, paddr, 0));
      for (long at = paddr; at < paddr + length; at += PAGE) {
        pages.add(at);
      }
    }
    PageNumbers numbers = PageNumbers.ofMemory(extents);
    assertEquals(pages.size(), numbers.count());
    int next = 0;
    for (long page : pages) {
      assertEquals(next, numbers.number(page + 7));
      assertEquals(page, numbers.address(next++));
    }
  }
}
