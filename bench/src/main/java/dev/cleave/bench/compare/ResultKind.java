package dev.cleave.bench.compare;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.cleave.bench.compare.Figure.Sureness;
import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.migrate.MigrationColumn;
import dev.cleave.bench.replay.ReplayColumn;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/** The commands whose results can be compared, and where their figures stand in them. */
public enum ResultKind {
  /**
   * Pairs of benchmarks. Their ratio is compared, which both sides of one run made on the same
   * machine; the times alone say little of another run.
   */
  BENCH("pairs") {
    @Override
    List<Figure> figures(JsonObject content) {
      return Result.objects(content, "pairs").stream().map(ResultKind::pair).toList();
    }
  },
  /** Policies that replayed a log. */
  REPLAY("policies") {
    @Override
    List<Figure> figures(JsonObject content) {
      List<Figure> figures = new ArrayList<>();
      for (JsonObject policy : Result.objects(content, "policies")) {
        addPolicy(policy, figures);
      }
      return figures;
    }

    @Override
    String work(JsonObject content) {
      List<String> files = new ArrayList<>();
      for (JsonObject file : Result.objects(content.getAsJsonObject("input"), "files")) {
        files.add("%s events in %s lines".formatted(file.get("events"), file.get("lines")));
      }
      return String.join(" and ", files);
    }
  },
  /** Tables of guests, and rival structures. */
  FOOTPRINT("tables", "rivals") {
    @Override
    List<Figure> figures(JsonObject content) {
      List<Figure> figures = new ArrayList<>();
      for (JsonObject table : Result.objects(content, "tables")) {
        String subject = guest(table) + ", " + table.get("policy").getAsString();
        for (String name : List.of("tableBytes", "metadataBytes", "minimumBytes", "pinnedBytes")) {
          if (table.has(name)) { // results of earlier versions lack what is pinned
            figures.add(bytes(subject, name, table));
          }
        }
      }
      for (JsonObject rival : Result.objects(content, "rivals")) {
        figures.add(bytes(guest(rival) + ", " + rival.get("rival").getAsString(), "bytes", rival));
      }
      return figures;
    }
  },
  /** Migrations of a guest, under several loads. */
  MIGRATE("migrations") {
    @Override
    List<Figure> figures(JsonObject content) {
      List<Figure> figures = new ArrayList<>();
      for (JsonObject migration : Result.objects(content, "migrations")) {
        addMigration(migration, figures);
      }
      return figures;
    }

    @Override
    String work(JsonObject content) {
      JsonObject input = content.getAsJsonObject("input");
      return "%s of guest memory (extents: %d)"
          .formatted(
              Numbers.size(input.get("guestBytes").getAsLong()), input.get("extents").getAsInt());
    }
  };

  @SuppressWarnings("ImmutableEnumChecker") // made by List.of
  private final List<String> members;

  ResultKind(String... members) {
    this.members = List.of(members);
  }

  /** The kind of a result, by the arrays that it has. */
  static Optional<ResultKind> of(JsonObject content) {
    return Arrays.stream(values())
        .filter(
            kind -> kind.members.stream().allMatch(name -> content.get(name) instanceof JsonArray))
        .findFirst();
  }

  /** The command's name. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** What can be compared. */
  abstract List<Figure> figures(JsonObject content);

  /** What was worked on; results of other work cannot be compared. */
  String work(JsonObject content) {
    return "";
  }

  private static Figure pair(JsonObject pair) {
    JsonElement error = pair.get("error");
    String unit = pair.get("unit").getAsString();
    boolean isTimed = unit.equals("ns");
    // which work allocates most is part of the result, not of its name
    String work = pair.get("work").getAsString().replaceFirst(" \\(most: .*\\)$", "");
    return new Figure(
        work + " / " + pair.get("against").getAsString(),
        "ratio",
        pair.get("ratio").getAsDouble(),
        isTimed && error != null && !error.isJsonNull()
            ? OptionalDouble.of(error.getAsDouble())
            : OptionalDouble.empty(),
        Unit.RATIO,
        Better.LOW,
        unit.equals("B") ? Sureness.EXACT : Sureness.MEASURED);
  }

  private static void addPolicy(JsonObject policy, List<Figure> figures) {
    JsonElement order = policy.get("order");
    JsonElement flush = policy.get("flush"); // which results of earlier versions lack
    String subject =
        policy.get("policy").getAsString()
            + (order == null || order.isJsonNull() ? "" : " " + order.getAsString())
            + (flush == null || flush.getAsString().equals("immediate")
                ? ""
                : " " + flush.getAsString());
    for (ReplayColumn column : ReplayColumn.values()) {
      JsonElement within = column.isOfDevices() ? policy.get("dma") : policy;
      if (within instanceof JsonObject object) {
        add(subject, column.key(), column, object, figures);
      }
    }
    if (policy.has("devices")) {
      for (JsonObject devices : Result.objects(policy, "devices")) {
        String kind = devices.get("kind").getAsString();
        for (ReplayColumn column : ReplayColumn.values()) {
          if (column.isOfKind()) {
            add(subject, kind + "." + column.word(), column, devices, figures);
          }
        }
      }
    }
  }

  private static void add(
      String subject, String name, ReplayColumn column, JsonObject of, List<Figure> figures) {
    if (column.isCounted() && of.has(column.word())) {
      figures.add(
          new Figure(
              subject,
              name,
              of.get(column.word()).getAsDouble(),
              OptionalDouble.empty(),
              shown(column.unit()),
              column.better(),
              column.unit() == Unit.NANOS ? Sureness.MEASURED : Sureness.EXACT));
    }
  }

  private static void addMigration(JsonObject migration, List<Figure> figures) {
    String subject =
        migration.get("pattern").getAsString()
            + ", "
            + migration.get("strategy").getAsString()
            + (migration.get("rmp").getAsBoolean() ? " + RMP" : "");
    for (MigrationColumn column : MigrationColumn.values()) {
      JsonElement value = migration.get(column.word());
      if (!value.isJsonNull()) {
        figures.add(
            new Figure(
                subject,
                column.word(),
                value.getAsDouble(),
                OptionalDouble.empty(),
                column.unit(),
                column.better(),
                column.isMeasured() ? Sureness.MEASURED : Sureness.EXACT));
      }
    }
  }

  /** What JSON holds was counted, and what is shown as a part or a ratio made of it. */
  private static Unit shown(Unit unit) {
    return unit == Unit.PART || unit == Unit.RATIO ? Unit.COUNT : unit;
  }

  private static String guest(JsonObject footprint) {
    return "%s, %s%% %s"
        .formatted(
            Numbers.size(footprint.get("guestMemory").getAsLong()),
            String.format(Locale.ROOT, "%.4g", 100 * footprint.get("shared").getAsDouble())
                .replaceAll("\\.?0+$", ""),
            footprint.get("pattern").getAsString());
  }

  private static Figure bytes(String subject, String name, JsonObject of) {
    return new Figure(
        subject,
        name,
        of.get(name).getAsDouble(),
        OptionalDouble.empty(),
        Unit.BYTES,
        Better.LOW,
        Sureness.EXACT);
  }
}
