package dev.cleave.bench.house;

import dev.cleave.engine.PageTable;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * The examples of a document as one program: its imports, its types, and a method for each block of
 * statements. Compiled with nothing but the engine on the class path, and without warnings.
 */
final class ExampleProgram implements AutoCloseable {
  private static final String NAME = "Examples";

  private final URLClassLoader loader;

  private ExampleProgram(URLClassLoader loader) {
    this.loader = loader;
  }

  static ExampleProgram compile(List<Example> examples, Path classes) throws IOException {
    String engine = pathOf(PageTable.class).toString();
    String source = source(examples);
    var diagnostics = new DiagnosticCollector<JavaFileObject>();
    boolean isCompiled =
        ToolProvider.getSystemJavaCompiler()
            .getTask(
                null,
                null,
                diagnostics,
                List.of("-d", classes.toString(), "-cp", engine, "-Xlint:all", "-Werror"),
                null,
                List.of(new Source(source)))
            .call();
    if (!isCompiled) {
      throw new AssertionError(
          diagnostics.getDiagnostics().stream()
              .map(d -> d.getMessage(null) + "\n    " + lineOf(source, d.getLineNumber()))
              .collect(Collectors.joining("\n", "the examples do not compile\n", "")));
    }
    URL[] places = {classes.toUri().toURL()};
    return new ExampleProgram(new URLClassLoader(places, PageTable.class.getClassLoader()));
  }

  private static String source(List<Example> examples) {
    StringBuilder imports = new StringBuilder();
    StringBuilder types = new StringBuilder();
    StringBuilder methods = new StringBuilder("class " + NAME + " {\n");
    for (Example example : examples) {
      switch (example.kind()) {
        case IMPORTS -> imports.append(example.code());
        case TYPE -> types.append(example.code());
        case STATEMENTS ->
            methods
                .append("static void " + method(example) + "() throws Exception {\n")
                .append(example.code())
                .append("}\n");
      }
    }
    return imports + types.toString() + methods + "}\n";
  }

  private static String method(Example example) {
    return "line" + example.line();
  }

  private static String lineOf(String source, long number) {
    return source.lines().skip(Math.max(0, number - 1)).findFirst().orElse("");
  }

  private static File pathOf(Class<?> type) {
    try {
      return new File(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Runs a block of statements and returns what it printed. */
  String run(Example example) throws Throwable {
    var method = loader.loadClass(NAME).getDeclaredMethod(method(example));
    method.setAccessible(true);
    PrintStream before = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      method.invoke(null);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      System.setOut(before);
    }
    return printed.toString(StandardCharsets.UTF_8);
  }

  @Override
  public void close() throws IOException {
    loader.close();
  }

  private static final class Source extends SimpleJavaFileObject {
    private final String text;

    Source(String text) {
      super(URI.create("string:///" + NAME + ".java"), Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
      return text;
    }
  }
}
