package dev.cleave.bench.io;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Lets long work end early when the user asks for it (Ctrl-C): the work looks at {@link
 * #isRequested} now and then, stops, and shows what it has so far; the process ends when this is
 * closed, or when that takes too long.
 *
 * <p>A JVM that is asked to end runs its shutdown hooks beside the threads that are there, and ends
 * when they have: the hook here waits for the work. The exit code is then the signal's own, 130 for
 * Ctrl-C.
 *
 * <p>Thread-safe.
 */
public final class Interruption implements AutoCloseable {
  private static final long PATIENCE_SECONDS = 30;

  /** A child that the same Ctrl-C reached may be seen to end before the JVM hears of it. */
  private static final long SOON_MILLIS = 500;

  private final CountDownLatch requested = new CountDownLatch(1);
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Thread hook = new Thread(this::request, "interruption");
  private final Runnable atRequest;

  private Interruption(Runnable atRequest) {
    this.atRequest = atRequest;
  }

  /** Listens from now on, until it is closed. */
  public static Interruption listen() {
    return listen(() -> {});
  }

  /**
   * Listens from now on, until it is closed.
   *
   * @param atRequest done at once, on another thread, when the user asks
   */
  public static Interruption listen(Runnable atRequest) {
    Interruption interruption = new Interruption(atRequest);
    Runtime.getRuntime().addShutdownHook(interruption.hook);
    return interruption;
  }

  private void request() {
    requested.countDown();
    atRequest.run();
    var _ = isOver(ended, PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  private static boolean isOver(CountDownLatch latch, long time, TimeUnit unit) {
    try {
      return latch.await(time, unit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Whether the work is to end. */
  public boolean isRequested() {
    return requested.getCount() == 0;
  }

  /** Whether the work is to end, asked when something else has ended that may be the first sign. */
  public boolean isRequestedNowOrSoon() {
    return isOver(requested, SOON_MILLIS, TimeUnit.MILLISECONDS);
  }

  /**
   * Waits until a byte, or the end, of a stream arrives, or the work is to end.
   *
   * @throws IOException if reading fails
   */
  public void awaitInput(InputStream in) throws IOException {
    CompletableFuture<@Nullable IOException> read = new CompletableFuture<>();
    // Nothing ends a thread that reads, but the end of the process.
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            var _ = in.read();
            read.complete(null);
          } catch (IOException e) {
            read.complete(e);
          }
        });
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          if (isOver(requested, Long.MAX_VALUE, TimeUnit.NANOSECONDS)) {
            read.complete(null);
          }
        });
    IOException failure = read.join();
    if (failure != null) {
      throw failure;
    }
  }

  /** Everything that can be shown has been: the process may end. */
  @Override
  public void close() {
    if (!isRequested()) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException _) {
        // asked this very moment
      }
    }
    ended.countDown();
  }
}
