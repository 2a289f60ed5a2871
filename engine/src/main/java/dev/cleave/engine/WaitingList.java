package dev.cleave.engine;

import static dev.cleave.engine.memory.TablePages.NONE;

import dev.cleave.engine.memory.TablePages;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The waiting tables of one gather, of which {@link WaitingTables} tells. Tables are strung by the
 * gather's writer while others cannot see them, then published; from then on they may be taken back
 * by anybody, until they are put back. What goes with a strung table is counted and not strung.
 *
 * <p>Thread-safe once published: under the list's lock.
 */
final class WaitingList {
  private static final VarHandle WAITING_PAGES;

  static {
    try {
      WAITING_PAGES =
          MethodHandles.lookup().findVarHandle(WaitingList.class, "waitingPages", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final int number;
  private final TablePages pages;
  private final WaitingTables waitingTables;
  private final StatusCarrier status;

  /** The first table. */
  private long waiting = NONE;

  private volatile long waitingPages;

  /** Tables that were taken out by the operation under way; nobody else sees them yet. */
  private long strung = NONE;

  /** The one behind the first, which is linked when another comes before it. */
  private long strungNext = NONE;

  private long strungLast = NONE;

  /** With those that go with them. */
  private long strungPages;

  private long stores;

  WaitingList(int number, TableTree tree, StatusCarrier status) {
    this.number = number;
    this.pages = tree.pages;
    this.waitingTables = tree.waiting;
    this.status = status;
  }

  /** Pages that wait, with those that go with them. */
  long pages() {
    return waitingPages;
  }

  /** Entries that were written to all tables that it has had. */
  long stores() {
    return stores;
  }

  /** Takes a locked table that is being taken out. {@link #publish} is to follow. */
  void string(long table, long parent) {
    stores += pages.stores(table);
    pages.setHolder(table, number, parent);
    if (strung == NONE) {
      strungLast = table;
    } else {
      pages.setLinks(strung, strungNext, table);
    }
    strungNext = strung;
    strung = table;
    strungPages++;
  }

  /** Takes a locked table that goes with one which is going to be strung. */
  void takeAlong(long table) {
    stores += pages.stores(table);
    strungPages++;
  }

  /** Pages taken out by the operation under way and not {@linkplain #publish published}. */
  long strungPages() {
    return strungPages;
  }

  /** Written under the list's lock, read by anybody. */
  private void countWaiting(long change) {
    WAITING_PAGES.setRelease(this, waitingPages + change);
  }

  /** Lets others take back what was strung; to be called before they can find it. */
  void publish() {
    if (strung == NONE) {
      return;
    }
    pages.setLinks(strung, strungNext, NONE);
    pages.lockList(number);
    link(strung, strungLast);
    countWaiting(strungPages);
    pages.unlockList(number);
    strung = NONE;
    strungNext = NONE;
    strungPages = 0;
  }

  /** Takes tables that are linked, and went with another so far, in any thread. */
  void insert(long head, long tail) {
    pages.lockList(number);
    link(head, tail);
    pages.unlockList(number);
  }

  /** Links a list in front of the tables that wait; the list's lock is held. */
  private void link(long head, long tail) {
    if (waiting != NONE) {
      pages.setLinks(tail, waiting, pages.previous(tail));
      pages.setLinks(waiting, pages.next(waiting), tail);
    }
    waiting = head;
  }

  /** Gives a table up that is taken back, in any thread; the table's parent is locked. */
  void unstring(long table) {
    pages.lockList(number);
    long next = pages.next(table);
    long previous = pages.previous(table);
    if (previous == NONE) {
      waiting = next;
    } else {
      pages.setLinks(previous, next, pages.previous(previous));
    }
    if (next != NONE) {
      pages.setLinks(next, pages.next(next), previous);
    }
    countWaiting(-1);
    pages.unlockList(number);
  }

  /**
   * Puts waiting tables back. A page that has its parent still needs the parent's lock, for which
   * nobody waits with the lock of a list.
   */
  void release() {
    while (true) {
      pages.lockList(number);
      long free = waiting;
      long table = free;
      long last = NONE;
      long popped = 0;
      boolean isSimple = true;
      while (table != NONE && waitingTables.isParentGone(table)) {
        long with = pagesOf(table);
        popped += with;
        isSimple &= free(table) && with == 1;
        last = table;
        table = pages.next(table);
      }
      if (last != NONE) {
        cut(table, popped);
        pages.setLinks(last, NONE, NONE);
      }
      pages.unlockList(number);
      if (last != NONE) {
        release(free, isSimple);
      }
      if (table == NONE) {
        return;
      }
      releaseWithParent(table);
    }
  }

  private void releaseWithParent(long table) {
    long parent = waitingTables.lockParent(table);
    pages.lockList(number);
    boolean isStillWaiting = waiting == table;
    boolean isSimple = true;
    if (isStillWaiting) {
      if (parent != NONE) {
        waitingTables.erase(parent, table);
      }
      long with = pagesOf(table);
      isSimple = free(table) && with == 1;
      cut(pages.next(table), with);
      pages.setLinks(table, NONE, NONE);
    }
    pages.unlockList(number);
    if (parent != NONE) {
      pages.unlock(parent);
    }
    if (isStillWaiting) {
      release(table, isSimple);
    }
  }

  /** Pages that go where a waiting table goes, and itself. */
  private long pagesOf(long table) {
    return pages.level(table) == 1 ? 1 : pages.below(table) + 1;
  }

  /**
   * Tells what waits below a table that it has no parent any more.
   *
   * @return whether it leaves no status bits
   */
  private boolean free(long table) {
    boolean isShadow = pages.isShadow(table);
    if (!isShadow) {
      pages.setPlace(table, WaitingTables.NOWHERE);
    }
    return !isShadow;
  }

  /** Takes what is before a table from the list, whose lock is held. */
  private void cut(long table, long count) {
    waiting = table;
    if (table != NONE) {
      pages.setLinks(table, pages.next(table), NONE);
    }
    countWaiting(-count);
  }

  /**
   * Puts tables back that nobody can reach, and what goes with them.
   *
   * @param isSimple whether nothing does, and none has status bits to carry
   */
  private void release(long list, boolean isSimple) {
    long first = list;
    for (long table = isSimple ? NONE : list; table != NONE; table = pages.next(table)) {
      if (pages.isShadow(table)) {
        status.carry(table, pages.place(table));
      }
      first = waitingTables.listBelow(table, pages.level(table), first);
    }
    pages.releaseAll(first);
  }
}
