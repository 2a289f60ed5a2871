package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A stripe has nothing that a thread writes within a cache line of what follows it in memory. */
class StripeLayoutTest {
  private static final int CACHE_LINE = 64;

  private static Stream<Field> fields(Class<?> type) {
    return Arrays.stream(type.getDeclaredFields())
        .filter(field -> !Modifier.isStatic(field.getModifiers()) && !field.isSynthetic());
  }

  @Test
  void whatIsWrittenComesBeforeALineOfPadding() {
    assertEquals(StripeState.class, PageStripe.class.getSuperclass());
    assertTrue(fields(StripeState.class).noneMatch(field -> field.getName().startsWith("pad")));
    assertTrue(fields(PageStripe.class).allMatch(field -> field.getName().startsWith("pad")));
    assertTrue(fields(PageStripe.class).allMatch(field -> field.getType() == long.class));
    assertTrue(fields(PageStripe.class).count() * Long.BYTES >= CACHE_LINE);
  }
}
