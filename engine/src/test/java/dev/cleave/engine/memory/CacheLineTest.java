package dev.cleave.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What threads write has nothing of others within a cache line, before it and behind it. */
class CacheLineTest {
  private static final int CACHE_LINE = 64;

  private static List<Field> fields(Class<?> type) {
    return Arrays.stream(type.getDeclaredFields())
        .filter(field -> !Modifier.isStatic(field.getModifiers()) && !field.isSynthetic())
        .toList();
  }

  private static void assertPadding(Class<?> type) {
    assertTrue(fields(type).stream().allMatch(field -> field.getName().startsWith("pad")));
    assertTrue(fields(type).stream().allMatch(field -> field.getType() == long.class));
    assertTrue(fields(type).size() * Long.BYTES >= CACHE_LINE);
  }

  @ParameterizedTest
  @ValueSource(classes = {PageStripe.class, ReclaimCount.class})
  void whatIsWrittenLiesBetweenLinesOfPadding(Class<?> type) {
    Class<?> state = type.getSuperclass();
    assertPadding(type);
    assertNotEquals(0, fields(state).size());
    assertTrue(fields(state).stream().noneMatch(field -> field.getName().startsWith("pad")));
    assertEquals(CacheLine.class, state.getSuperclass());
    assertPadding(CacheLine.class);
  }
}
