package dev.cleave.bench.house;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** Who may know whom, among the packages of main code. */
class PackagesTest {
  private static final JavaClasses MAIN =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("dev.cleave");

  @Test
  void no_packages_depend_on_each_other_in_a_cycle() {
    slices().matching("dev.cleave.(**)").should().beFreeOfCycles().check(MAIN);
  }

  @Test
  void the_model_knows_nothing_of_the_engine() {
    noClasses()
        .that()
        .resideInAPackage("dev.cleave.hwmodel..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("dev.cleave.engine..", "dev.cleave.bench..")
        .check(MAIN);
  }

  @Test
  void the_engine_knows_nothing_of_the_model() {
    noClasses()
        .that()
        .resideInAPackage("dev.cleave.engine..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("dev.cleave.hwmodel..", "dev.cleave.bench..")
        .check(MAIN);
  }
}
