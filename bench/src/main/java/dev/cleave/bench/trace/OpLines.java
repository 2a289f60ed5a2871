package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Cleave's own op lines: a word, then its operands. */
final class OpLines {
  private OpLines() {}

  /** The meaning of a line, null when its first field is no op word. */
  static @Nullable Parsed parse(long line, String text) throws MalformedLineException {
    for (TraceEvent.Kind kind : TraceEvent.Kind.values()) {
      Fields fields = new Fields(text, 0, form(kind));
      if (fields.skipIf(kind.word())) {
        TraceEvent event = event(kind, line, fields);
        fields.end();
        return new Parsed.Of(event, Source.OP);
      }
    }
    return null;
  }

  private static String form(TraceEvent.Kind kind) {
    return switch (kind) {
      case MAP -> "map <iova> <paddr> <length> <r|w|rw>";
      case UNMAP -> "unmap <iova> <length>";
      case SHARE -> "share <gpa> <length>";
      case UNSHARE -> "unshare <gpa> <length>";
      case SPLIT -> "split <iova> <length> <largest-leaf>";
      case MERGE -> "merge <iova> <length> <largest-leaf>";
      case TRANSLATE -> "translate <iova>";
      case DMA -> "dma <iova> <length> <r|w>";
    };
  }

  // Operands are evaluated from left to right: the order of the constructors is that of the line.
  private static TraceEvent event(TraceEvent.Kind kind, long line, Fields fields)
      throws MalformedLineException {
    return switch (kind) {
      case MAP ->
          new TraceEvent.Map(
              line,
              fields.number(),
              OptionalLong.of(fields.number()),
              fields.number(),
              access(fields));
      case UNMAP -> new TraceEvent.Unmap(line, fields.number(), fields.number(), false);
      case SHARE -> new TraceEvent.Share(line, fields.number(), fields.number());
      case UNSHARE -> new TraceEvent.Unshare(line, fields.number(), fields.number());
      case SPLIT -> new TraceEvent.Split(line, fields.number(), fields.number(), fields.number());
      case MERGE -> new TraceEvent.Merge(line, fields.number(), fields.number(), fields.number());
      case TRANSLATE -> new TraceEvent.Translate(line, fields.number());
      case DMA -> new TraceEvent.Dma(line, fields.number(), fields.number(), direction(fields));
    };
  }

  private static int access(Fields fields) throws MalformedLineException {
    return switch (fields.next()) {
      case "r" -> Access.READ;
      case "w" -> Access.WRITE;
      case "rw" -> Access.READ_WRITE;
      default -> throw fields.malformed("unknown permission");
    };
  }

  private static int direction(Fields fields) throws MalformedLineException {
    int access = access(fields);
    if (access == Access.READ_WRITE) {
      throw fields.malformed("one access is a read or a write");
    }
    return access;
  }
}
