package dev.cleave.bench.report;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES_LOG2;

import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.report.PageRuns.Run;
import dev.cleave.bench.trace.TraceEvent;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * Notes what changes in a guest's memory during a replay: leaf sizes and page states.
 *
 * <p>After each step, which is one event or several, the pages that may have changed are surveyed
 * and compared with what was last known. A change is a splice: runs of values that take the place
 * of what was there. Splices are {@link Varints}: steps since the last splice, first page (signed,
 * from the last splice's), number of runs, and each run's pages and value as {@link MemorySurvey}
 * has it.
 *
 * <p>What may have changed is the regions that an event names, the leaves that reach beyond them
 * before and after it, and, when the policy has tidied up, every region that was ever named. Where
 * a change of page states made leaves merge, others may have merged with them as far around as
 * {@link dev.cleave.engine.rmp.RmpFollower} looks; there the leaves alone are surveyed.
 *
 * <p>Not thread-safe.
 */
final class MapRecorder {
  /** A record that would grow beyond this ends. */
  private static final int MOST_BYTES = 4 << 20;

  private static final long REGION_PAGES = 1L << (REGION_LOG2 - PAGE_LOG2);

  private final PolicyRun run;
  private final MemorySurvey survey;
  private final PageRuns known = new PageRuns();
  private final DirtyPages dirty = new DirtyPages();
  private final DirtyPages named = new DirtyPages();

  /** Where leaves may have merged. */
  private final DirtyPages merged = new DirtyPages();

  private final Varints splices = new Varints();
  private final int mostBytes;
  private long lastMerges;
  private boolean hasMerged;
  private int lastStep;
  private long lastPage;
  private int steps;

  MapRecorder(PolicyRun run) {
    this(run, MOST_BYTES);
  }

  MapRecorder(PolicyRun run, int mostBytes) {
    this.run = run;
    this.survey = new MemorySurvey(run);
    this.mostBytes = mostBytes;
  }

  /** An event ended. */
  void ended(TraceEvent event) {
    if (isFull()) {
      return;
    }
    long merges = run.statistics().merges();
    hasMerged = merges != lastMerges;
    lastMerges = merges;
    switch (event) {
      case TraceEvent.Translate _, TraceEvent.Dma _ -> {}
      case TraceEvent.Clear(long _, var _, long first, long last) -> named(first, last);
      default -> {
        if (event.length() != 0) {
          long last = event.address() + event.length() - 1;
          named(event.address(), Long.compareUnsigned(last, event.address()) < 0 ? -1 : last);
        }
      }
    }
    if (run.takeTidied()) {
      named.forEach(this::mayHaveChanged);
    }
  }

  /** Begins with the region of the first byte and ends with that of the last. */
  private void named(long address, long last) {
    long from = address >>> PAGE_LOG2 & -REGION_PAGES;
    long end = (last >>> PAGE_LOG2 | (REGION_PAGES - 1)) + 1;
    named.add(from, end);
    mayHaveChanged(from, end);
  }

  private void mayHaveChanged(long from, long end) {
    dirty.add(from, end);
    addLeaf(from, survey.sizeLog2At(from));
    addLeaf(end - 1, survey.sizeLog2At(end - 1));
    addLeaf(from, MemorySurvey.sizeLog2(known.at(from)));
    addLeaf(end - 1, MemorySurvey.sizeLog2(known.at(end - 1)));
    if (hasMerged) {
      int around = Math.max(survey.sizeLog2At(from), survey.sizeLog2At(end - 1));
      int log2 = REGION_LOG2 + TABLE_ENTRIES_LOG2;
      while (log2 <= around) {
        log2 += TABLE_ENTRIES_LOG2;
      }
      long pages = Math.min(1L << (log2 - PAGE_LOG2), PageRuns.PAGES);
      merged.add(from & -pages, Math.min((end + pages - 1) & -pages, PageRuns.PAGES));
    }
  }

  /** The whole leaf around a page. */
  private void addLeaf(long page, int sizeLog2) {
    if (sizeLog2 > REGION_LOG2) {
      long pages = 1L << (sizeLog2 - PAGE_LOG2);
      long from = page & -pages;
      dirty.add(from, from + pages);
    }
  }

  /**
   * A step ended: what changed during it is noted.
   *
   * @param step its number, one more than the last
   */
  void stepEnded(int step) {
    if (isFull()) {
      return;
    }
    dirty.forEach((from, end) -> compare(step, from, end, survey.over(from, end)));
    dirty.clear();
    merged.forEach((from, end) -> compare(step, from, end, survey.leavesOver(from, end, known)));
    merged.clear();
    steps = step;
  }

  /** Notes each piece whose values are not what was known. */
  private void compare(int step, long from, long end, List<Run> now) {
    Iterator<Run> before = known.over(from, end).iterator();
    List<Run> changed = new ArrayList<>();
    long page = from;
    int value = 0;
    long left = 0;
    for (Run run : now) {
      for (long pages = run.pages(), part; pages > 0; pages -= part) {
        if (left == 0) {
          Run next = before.next();
          left = next.pages();
          value = next.value();
        }
        part = Math.min(pages, left);
        left -= part;
        if (run.value() != value) {
          changed.add(new Run(part, run.value()));
        } else {
          splice(step, page, changed);
        }
        page += part;
      }
    }
    splice(step, page, changed);
  }

  /** Notes values that end before a page, if there are any. */
  private void splice(int step, long end, List<Run> changed) {
    if (changed.isEmpty()) {
      return;
    }
    long page = end - changed.stream().mapToLong(Run::pages).sum();
    known.replace(page, changed);
    splices.add(step - lastStep).addSigned(page - lastPage).add(changed.size());
    for (Run one : changed) {
      splices.add(one.pages()).add(one.value());
    }
    lastStep = step;
    lastPage = page;
    changed.clear();
  }

  private boolean isFull() {
    return splices.size() > mostBytes;
  }

  /** Steps that were noted: all of them, unless there was too much to note. */
  int steps() {
    return steps;
  }

  /** What is known of memory after the last step. */
  PageRuns known() {
    return known;
  }

  /** All splices. */
  String text() {
    return splices.text();
  }
}
