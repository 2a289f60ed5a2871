package dev.cleave.engine.published;

import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Every public or protected type and member of some packages, one line each, sorted: first the full
 * name, so that a type stands above its members, then what it is. Generic types, nullness, whether
 * a result must be used, exceptions and the values of constants are part of it; names of parameters
 * are not, since they are not in the class files.
 */
final class ApiListing {
  private final TreeSet<String> lines = new TreeSet<>();

  private ApiListing() {}

  /**
   * Lists what lies in a directory of class files.
   *
   * @param classes the root of the packages, on this JVM's class or module path as well
   * @param packages their names; those below them are not meant
   */
  static List<String> of(Path classes, Collection<String> packages) throws IOException {
    ApiListing listing = new ApiListing();
    for (String name : packages) {
      try (Stream<Path> files = Files.list(classes.resolve(name.replace('.', '/')))) {
        files
            .map(file -> file.getFileName().toString())
            .filter(file -> file.endsWith(".class") && !file.equals("package-info.class"))
            .map(file -> load(name + '.' + file.substring(0, file.length() - ".class".length())))
            .filter(ApiListing::isVisible)
            .forEach(listing::addType);
      }
    }
    return List.copyOf(listing.lines);
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, ApiListing.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new AssertionError(name + " is a class file here, and yet it cannot be loaded", e);
    }
  }

  private static boolean isVisible(Class<?> type) {
    Class<?> outer = type.getDeclaringClass();
    return isVisible(type.getModifiers()) && (outer == null || isVisible(outer));
  }

  private static boolean isVisible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private void addType(Class<?> type) {
    String name = type.getCanonicalName();
    lines.add(name + ' ' + annotations(type) + declaration(type));
    // What a supertype that nobody sees gives, the type itself shows.
    for (Class<?> from = type; from == type || isHidden(from); from = from.getSuperclass()) {
      for (Field field : from.getDeclaredFields()) {
        addMember(name, field, field.getName(), typed(field.getAnnotatedType()) + value(field));
      }
      for (Constructor<?> constructor : from == type ? from.getDeclaredConstructors() : none()) {
        addMember(name, constructor, "new" + parameters(constructor), thrown(constructor));
      }
      for (Method method : from.getDeclaredMethods()) {
        String result = typed(method.getAnnotatedReturnType()) + thrown(method);
        addMember(name, method, method.getName() + parameters(method), result);
      }
    }
  }

  private static Constructor<?>[] none() {
    return new Constructor<?>[0];
  }

  private static boolean isHidden(Class<?> type) {
    return type != null && !isVisible(type) && type.getModule() == ApiListing.class.getModule();
  }

  private <M extends Member & AnnotatedElement> void addMember(
      String type, M member, String signature, String rest) {
    if (isVisible(member.getModifiers()) && !member.isSynthetic()) {
      String modifiers = Modifier.toString(member.getModifiers() & ~hidden(member));
      String line = type + '.' + signature + ' ' + annotations(member) + modifiers + ' ' + rest;
      lines.add(line.strip().replace("  ", " "));
    }
  }

  /** Modifiers that a caller cannot tell. */
  private static int hidden(Member member) {
    int same = Modifier.SYNCHRONIZED | Modifier.NATIVE | Modifier.STRICT;
    // In methods these bits mean "bridge" and "varargs".
    return member instanceof Method ? same | Modifier.VOLATILE | Modifier.TRANSIENT : same;
  }

  private static String declaration(Class<?> type) {
    int obvious = type.isInterface() ? Modifier.INTERFACE | Modifier.ABSTRACT : 0;
    StringBuilder text = new StringBuilder(Modifier.toString(type.getModifiers() & ~obvious));
    if (type.isSealed()) {
      text.append(" sealed");
    }
    text.append(kindOf(type));
    if (type.getTypeParameters().length > 0) {
      text.append(list(type.getTypeParameters(), " <", ">"));
    }
    Type superclass = type.getGenericSuperclass();
    if (superclass != null && superclass != Object.class && !type.isEnum() && !type.isRecord()) {
      text.append(" extends ").append(plain(superclass.getTypeName()));
    }
    text.append(list(type.getGenericInterfaces(), " implements ", ""));
    if (type.isSealed()) {
      text.append(list(type.getPermittedSubclasses(), " permits ", ""));
    }
    return text.toString();
  }

  private static String kindOf(Class<?> type) {
    if (type.isAnnotation()) {
      return " annotation";
    }
    if (type.isInterface()) {
      return " interface";
    }
    return type.isEnum() ? " enum" : type.isRecord() ? " record" : " class";
  }

  private static String annotations(AnnotatedElement element) {
    return Arrays.stream(element.getDeclaredAnnotations())
        .map(annotation -> '@' + annotation.annotationType().getSimpleName() + ' ')
        .sorted()
        .collect(Collectors.joining());
  }

  private static String parameters(Executable executable) {
    List<String> types = new ArrayList<>();
    for (AnnotatedType type : executable.getAnnotatedParameterTypes()) {
      types.add(typed(type));
    }
    if (executable.isVarArgs()) {
      types.set(types.size() - 1, types.getLast().replaceFirst("\\[]$", "..."));
    }
    String variables =
        executable.getTypeParameters().length > 0
            ? list(executable.getTypeParameters(), "<", ">")
            : "";
    return variables + '(' + String.join(", ", types) + ')';
  }

  private static String thrown(Executable executable) {
    return list(executable.getGenericExceptionTypes(), " throws ", "");
  }

  /** A constant's value is compiled into those who use it, and so part of what they depend on. */
  private static String value(Field field) {
    int modifiers = field.getModifiers();
    boolean isValue = field.getType().isPrimitive() || field.getType() == String.class;
    if (!Modifier.isStatic(modifiers) || !Modifier.isFinal(modifiers) || !isValue) {
      return "";
    }
    if (!isVisible(modifiers)) {
      return "";
    }
    try {
      return " = " + field.get(null);
    } catch (IllegalAccessException e) {
      throw new AssertionError(field + " is public, and yet it cannot be read", e);
    }
  }

  private static String list(Type[] types, String before, String after) {
    return types.length == 0
        ? ""
        : Arrays.stream(types)
            .map(type -> plain(type.getTypeName()))
            .collect(Collectors.joining(", ", before, after));
  }

  private static String typed(AnnotatedType type) {
    return plain(type.toString());
  }

  /** Without the packages that everybody knows. */
  private static String plain(String text) {
    return text.replaceAll("\\bjava\\.lang\\.(?=@?[A-Z])", "")
        .replaceAll("@org\\.jspecify\\.annotations\\.(\\w+)\\(\\)", "@$1")
        .replace('$', '.');
  }
}
