package dev.cleave.engine.published;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathExpressionException;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** What is published beside the classes. */
class ArtefactsIT {
  private final XPath paths = XPathFactory.newInstance().newXPath();

  private List<String> pom(String path)
      throws IOException, SAXException, ParserConfigurationException, XPathExpressionException {
    Document pom =
        DocumentBuilderFactory.newInstance()
            .newDocumentBuilder()
            .parse(Installed.engine(".pom").toFile());
    NodeList found = (NodeList) paths.evaluate(path, pom, XPathConstants.NODESET);
    return IntStream.range(0, found.getLength())
        .mapToObj(i -> found.item(i).getTextContent().strip())
        .toList();
  }

  private static Set<String> packages(Path jar) throws IOException {
    try (JarFile file = new JarFile(jar.toFile())) {
      return file.stream()
          .map(entry -> entry.getName().replaceFirst("[^/]*$", ""))
          .filter(directory -> directory.contains("dev/cleave/engine/"))
          .map(directory -> directory.replaceFirst(".*dev/cleave/engine/", ""))
          .collect(Collectors.toSet());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "name",
        "description",
        "licenses/license/name",
        "licenses/license/url",
        "developers/developer/name"
      })
  void thePomNames(String what) throws Exception {
    List<String> values = pom("/project/" + what);
    assertEquals(1, values.size(), () -> what + ": " + values);
    assertFalse(values.getFirst().isEmpty());
  }

  /**
   * Nobody knows yet where the project will be found: better no address than one that is not ours.
   */
  @ParameterizedTest
  @ValueSource(strings = {"url", "scm", "developers/developer/url", "issueManagement"})
  void thePomNamesNoAddressUntilThereIsOne(String what) throws Exception {
    assertEquals(List.of(), pom("/project/" + what));
  }

  @Test
  void thePomNeedsNoOther() throws Exception {
    assertEquals(List.of(), pom("//parent | //properties | //dependencyManagement"));
  }

  @Test
  void thePomPassesNoDependencyOn() throws Exception {
    String kept = "[not(scope = 'provided') and not(optional = 'true')]";
    assertEquals(List.of(), pom("//dependency" + kept + "/artifactId"));
  }

  @Test
  void theSourcesAreThere() throws IOException {
    assertEquals(
        Set.of("", "format/", "ioas/", "kernel/", "memory/", "recording/", "rmp/"),
        packages(Installed.engine("-sources.jar")));
  }

  @Test
  void theJavadocShowsTheExportedPackagesAndNoOther() throws IOException {
    Set<String> shown = packages(Installed.engine("-javadoc.jar"));
    shown.removeIf(name -> name.contains("class-use"));
    assertEquals(Set.of("", "format/", "ioas/", "rmp/"), shown);
  }
}
