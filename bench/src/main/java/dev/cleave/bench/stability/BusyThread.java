package dev.cleave.bench.stability;

/** A thread that keeps one processor busy until it is closed. */
final class BusyThread implements AutoCloseable {
  private final Thread thread;
  private volatile boolean isClosed;

  private BusyThread() {
    thread = Thread.ofPlatform().daemon().name("busy").unstarted(this::spin);
  }

  static BusyThread start() {
    BusyThread busy = new BusyThread();
    busy.thread.start();
    return busy;
  }

  private void spin() {
    while (!isClosed) {
      Thread.onSpinWait();
    }
  }

  @Override
  public void close() {
    isClosed = true;
  }
}
