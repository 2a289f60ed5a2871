package dev.cleave.bench.ioas;

import dev.cleave.bench.ioas.IommuObject.Ioas;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What has an id: the lowest number from 1 that is free, all kinds together. */
final class Objects {
  private final TreeMap<Integer, IommuObject> byId = new TreeMap<>();

  int lowestFree() {
    int id = 1;
    while (byId.containsKey(id)) {
      id++;
    }
    return id;
  }

  void put(int id, IommuObject object) {
    byId.put(id, object);
  }

  void remove(int id) {
    byId.remove(id);
  }

  @Nullable IommuObject find(int id) {
    return byId.get(id);
  }

  int idOf(IommuObject object) {
    return byId.entrySet().stream()
        .filter(entry -> entry.getValue() == object)
        .findAny()
        .orElseThrow()
        .getKey();
  }

  boolean isEmpty() {
    return byId.isEmpty();
  }

  Ioas space(int id) {
    if (byId.get(id) instanceof Ioas ioas) {
      return ioas;
    }
    throw new CallFailed("ENOENT");
  }

  List<Ioas> spaces() {
    return byId.values().stream().filter(Ioas.class::isInstance).map(Ioas.class::cast).toList();
  }
}
