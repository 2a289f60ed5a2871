package dev.cleave.bench.cli;

import dev.cleave.bench.compare.Difference;
import dev.cleave.bench.compare.Difference.Verdict;
import dev.cleave.bench.compare.Figure;
import dev.cleave.bench.compare.Result;
import dev.cleave.bench.compare.ResultComparison;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Outputs;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code cleave compare}: two results of the same command side by side. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    description = "Compare two results that bench, replay, footprint or migrate wrote with --json.",
    footer = {
      "",
      "B/A is the second by the first, and its error half of the 95%% confidence",
      "interval.",
      "  better, worse  the figures differ, by more than the error where one is known;",
      "                 counts and bytes are the same in every run, so that any",
      "                 difference is one",
      "  differs        likewise, of a figure that is neither good nor bad",
      "  within error   the difference may be an accident",
      "  error unknown  a time of a single run: repeat it to know",
      "Of bench the ratio of each pair is compared, which does not depend on how fast",
      "the machine is. --fail-over counts what is worse by more than R, and times",
      "whose error is unknown too; choose with --figures what counts. From 0 to",
      "anything is worse than any R."
    })
final class CompareCommand implements Callable<Integer> {
  private static final List<String> HEADER = List.of("of", "figure", "A", "B", "B/A", "error", "");
  private static final List<String> CSV =
      List.of("of", "figure", "unit", "a", "b", "ratio", "error", "verdict", "significant");
  private static final int TEXT_COLUMNS = 2;

  @Spec private CommandSpec spec;

  @Parameters(
      index = "0",
      paramLabel = "A.json",
      description = "What is compared with; - is stdin.")
  private String first;

  @Parameters(index = "1", paramLabel = "B.json", description = "What is compared.")
  private String second;

  @Option(
      names = "--fail-over",
      paramLabel = "R",
      description = "Exit with 1 if a figure of B is more than R times as bad as in A.")
  private @Nullable Double failOver;

  @Option(
      names = "--figures",
      paramLabel = "NAME",
      split = ",",
      description =
          "Only these figures, as JSON calls them, such as stores,dma.wrongData (default: all).")
  private @Nullable List<String> figures;

  @Option(names = "--all", description = "Print figures that are the same in both, too.")
  private boolean isAll;

  @Option(names = "--csv", paramLabel = "FILE", description = "Write every figure as CSV.")
  private @Nullable String csvFile;

  @Option(names = "--json", paramLabel = "FILE", description = "Write every figure as JSON.")
  private @Nullable String jsonFile;

  @Override
  public Integer call() throws IOException {
    if (failOver != null && !(failOver >= 1 && Double.isFinite(failOver))) {
      throw new BadInput("--fail-over must be a ratio of 1 or more, got " + failOver);
    }
    Outputs.check(csvFile);
    Outputs.check(jsonFile);
    Result a = Result.read(first);
    Result b = Result.read(second);
    ResultComparison comparison = ResultComparison.of(a, b);
    List<Difference> differences = chosen(comparison.differences());
    List<Difference> over =
        failOver == null
            ? List.of()
            : differences.stream().filter(difference -> difference.isOver(failOver)).toList();
    print(comparison, differences, over);
    Outputs.csv(csvFile, CSV, differences.stream().map(CompareCommand::fields).toList());
    Invocation.json(
        jsonFile, json(comparison, differences, over), Invocation.provenance(spec, null));
    return over.isEmpty() ? ExitPolicy.OK : ExitPolicy.FAILED;
  }

  private List<Difference> chosen(List<Difference> all) {
    if (figures == null) {
      return all;
    }
    Set<String> known =
        all.stream()
            .map(difference -> difference.a().name())
            .collect(Collectors.toCollection(TreeSet::new));
    for (String name : figures) {
      if (!known.contains(name)) {
        throw new BadInput(
            "--figures: no figure '%s' is in both results, expected some of %s"
                .formatted(name, String.join(", ", known)));
      }
    }
    return all.stream().filter(difference -> figures.contains(difference.a().name())).toList();
  }

  private void print(
      ResultComparison comparison, List<Difference> differences, List<Difference> over) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf("%s  A: %s  B: %s%n", comparison.kind().word(), first, second);
    List<List<String>> rows = new ArrayList<>(List.of(HEADER));
    differences.stream()
        .filter(difference -> isAll || difference.verdict() != Verdict.SAME)
        .forEach(difference -> rows.add(row(difference)));
    long same = differences.stream().filter(one -> one.verdict() == Verdict.SAME).count();
    long significant = differences.stream().filter(Difference::isSignificant).count();
    if (rows.size() > 1) {
      out.println();
      TextTable.print(out, rows, TEXT_COLUMNS);
    }
    out.println();
    out.printf(
        "%d figures: %d the same%s, %d differ significantly%n",
        differences.size(), same, isAll || same == 0 ? "" : " (--all prints them)", significant);
    comparison.onlyA().forEach(subject -> out.println("only in A: " + subject));
    comparison.onlyB().forEach(subject -> out.println("only in B: " + subject));
    if (failOver != null) {
      out.printf(
          "%d of them worse than %s times%n", over.size(), TextTable.shortened(failOver, "%.4f"));
      over.forEach(one -> out.printf("  %s, %s%n", one.a().subject(), one.a().name()));
    }
    out.flush();
  }

  private static List<String> row(Difference difference) {
    Figure a = difference.a();
    return List.of(
        a.subject(),
        a.name(),
        amount(a),
        amount(difference.b()),
        Double.isFinite(difference.ratio()) ? three(difference.ratio()) : "-",
        difference.error().isPresent() ? three(difference.error().getAsDouble()) : "-",
        difference.verdict().word());
  }

  private static String amount(Figure figure) {
    return figure.unit() == Unit.RATIO
        ? three(figure.value())
        : TextTable.number(figure.unit(), figure.value());
  }

  private static String three(double value) {
    return String.format(Locale.ROOT, "%.3f", value);
  }

  private static List<String> fields(Difference difference) {
    Figure a = difference.a();
    return List.of(
        a.subject(),
        a.name(),
        a.unit().name().toLowerCase(Locale.ROOT),
        plain(a.value()),
        plain(difference.b().value()),
        Double.isFinite(difference.ratio()) ? plain(difference.ratio()) : "",
        difference.error().isPresent() ? plain(difference.error().getAsDouble()) : "",
        difference.verdict().word(),
        Boolean.toString(difference.isSignificant()));
  }

  private static String plain(double value) {
    return value == Math.rint(value) && Math.abs(value) < 1L << 53
        ? Long.toString((long) value)
        : Double.toString(value);
  }

  private Map<String, Object> json(
      ResultComparison comparison, List<Difference> differences, List<Difference> over) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("kind", comparison.kind().word());
    json.put("a", first);
    json.put("b", second);
    json.put("figures", differences.stream().map(CompareCommand::json).toList());
    json.put("onlyA", comparison.onlyA());
    json.put("onlyB", comparison.onlyB());
    json.put("failOver", failOver);
    json.put("over", over.stream().map(CompareCommand::json).toList());
    return json;
  }

  private static Map<String, Object> json(Difference difference) {
    Map<String, Object> json = new LinkedHashMap<>();
    Figure a = difference.a();
    OptionalDouble error = difference.error();
    json.put("of", a.subject());
    json.put("figure", a.name());
    json.put("unit", a.unit().name().toLowerCase(Locale.ROOT));
    json.put("a", a.value());
    json.put("b", difference.b().value());
    json.put("ratio", Double.isFinite(difference.ratio()) ? difference.ratio() : null);
    json.put("error", error.isPresent() ? error.getAsDouble() : null);
    json.put("verdict", difference.verdict().word());
    json.put("significant", difference.isSignificant());
    return json;
  }
}
