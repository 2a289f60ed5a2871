package dev.cleave.bench.trace;

import dev.cleave.bench.io.BadInput;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.stream.Collectors;

/**
 * What the lines of one or more logs come to: events in order, each in its address space, none
 * counted twice.
 *
 * @param events all of them
 * @param spaces the address spaces that events name, in order of appearance; one at least
 * @param stateSources how many events of each source told of page states and were used
 * @param toldAgain how many events of each source a better one had told already
 * @param warnings what a person has to know to trust it
 */
public record History(
    List<TraceEvent> events,
    List<AddressSpace> spaces,
    Map<Source, Long> stateSources,
    Map<Source, Long> toldAgain,
    List<String> warnings) {
  /**
   * The history of one address space: its own events, and the page states.
   *
   * @param name of the space, or what stands in it after the last dot
   * @throws BadInput if there is none of that name, or several
   */
  public History only(String name) {
    List<AddressSpace> found =
        spaces.stream()
            .filter(s -> s.name().equals(name))
            .findFirst()
            .map(List::of)
            .orElseGet(() -> spaces.stream().filter(s -> s.name().endsWith("." + name)).toList());
    if (found.size() != 1) {
      throw new BadInput(
          "--space: '%s' is %s, expected one of %s"
              .formatted(
                  name,
                  found.isEmpty() ? "no address space of this log" : "the name of several",
                  spaces.stream().map(AddressSpace::name).collect(Collectors.joining(", "))));
    }
    AddressSpace space = found.getFirst();
    return new History(
        events.stream().filter(e -> e.isPageState() || e.space().equals(space)).toList(),
        found,
        stateSources,
        toldAgain,
        warnings);
  }

  /** The same without changes of page states. */
  History withoutPageStates() {
    return new History(
        events.stream().filter(event -> !event.isPageState()).toList(),
        spaces,
        Map.of(),
        Map.of(),
        warnings);
  }

  /** Collects what is told, in order. */
  public static final class Builder {
    private final List<Told> told = new ArrayList<>();
    private final StateSources states = new StateSources();
    private final DomainSorter sorter = new DomainSorter();
    private final LiveMaps listened = new LiveMaps();
    private final SequencedSet<AddressSpace> spaces = new LinkedHashSet<>();
    private final MapSources maps = new MapSources();

    /** An empty history. */
    public Builder() {}

    /** Adds what comes next. */
    public void add(Told next) {
      told.add(next);
      states.note(next);
      maps.note(next);
    }

    /** How much was told so far. */
    public int size() {
      return told.size();
    }

    /** All of it. */
    public History build() {
      List<TraceEvent> events = new ArrayList<>(told.size());
      for (Told next : told) {
        if (next.isAfterGap()) {
          sorter.doubt();
        }
        if (isWanted(next)) {
          states.believed(next).forEach(event -> events.add(placed(event, next)));
        }
      }
      AddressSpace first = spaces.isEmpty() ? AddressSpace.OPS : spaces.getFirst();
      events.replaceAll(event -> event.space().isSaid() ? event : event.in(first));
      return new History(
          events,
          spaces.isEmpty() ? List.of(first) : List.copyOf(spaces),
          states.used(),
          states.again(),
          maps.warnings(sorter));
    }

    private TraceEvent placed(TraceEvent event, Told told) {
      TraceEvent placed =
          event.space().equals(AddressSpace.SOME_DOMAIN) ? event.in(sorter.sort(told)) : event;
      if (placed.space().isSaid()) {
        spaces.add(placed.space());
      }
      return placed;
    }

    /** Whether an event did something that no other source tells of. */
    private boolean isWanted(Told next) {
      if (next.source() == Source.LISTENER) {
        return maps.needListener() && isNews(next.event());
      }
      // What was freed may be no address space.
      return !(next.event() instanceof TraceEvent.Clear clear) || spaces.contains(clear.space());
    }

    /** Several listeners, one for each container, tell of the same memory. */
    private boolean isNews(TraceEvent event) {
      return switch (event) {
        case TraceEvent.Map map -> {
          long last = map.iova() + map.length() - 1;
          boolean isNew = listened.mappedBytes(map.iova(), last) != map.length();
          listened.put(new LiveMaps.Live(map.iova(), last, "", map.line(), true));
          yield isNew;
        }
        case TraceEvent.Clear clear -> {
          boolean isThere = !listened.over(clear.first(), clear.last()).isEmpty();
          listened.remove(clear.first(), clear.last());
          yield isThere;
        }
        default -> true;
      };
    }
  }
}
