package dev.cleave.bench.cli;

import dev.cleave.bench.io.Numbers;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads every option of type {@code long} as {@link Numbers} has it. */
final class NumberConverter implements ITypeConverter<Long> {
  @Override
  public Long convert(String text) {
    try {
      return Numbers.parse(text);
    } catch (NumberFormatException e) {
      throw new TypeConversionException(e.getMessage());
    }
  }
}
