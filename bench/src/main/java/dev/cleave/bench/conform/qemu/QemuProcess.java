package dev.cleave.bench.conform.qemu;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One QEMU process, its guest memory and its qtest connection.
 *
 * <p>It never outlives its user: {@link #close} kills it, so does a shutdown hook when Java is
 * asked to end, and the kernel does when Java is killed, where {@code setpriv} is installed (it
 * binds QEMU to the thread that started it). Its files lose their names as soon as QEMU has opened
 * them, so that nothing is left behind either way.
 *
 * <p>Belongs to one thread at a time.
 */
final class QemuProcess implements AutoCloseable {
  private static final String NAME = "cleave-qemu-";
  private static final int BIOS_BYTES = 1 << 16;
  private static final int RESET_VECTOR = 0xFFF0;

  /** {@code cli; hlt; jmp -1}: the processor stops at its first instruction. */
  private static final byte[] HALT = {(byte) 0xFA, (byte) 0xF4, (byte) 0xEB, (byte) 0xFD};

  private static final long START_NANOS = TimeUnit.SECONDS.toNanos(20);
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private final Path directory;
  private final Process process;
  private final GuestMemory memory;
  private final @Nullable Path namedMemory;
  private final GrowingFile messages;
  private final GrowingFile trace;
  private final Thread hook;
  private @Nullable QtestClient qtest;
  private @Nullable Monitor monitor;
  private boolean closed;

  private QemuProcess(
      Path directory,
      Process process,
      GuestMemory memory,
      GrowingFile messages,
      GrowingFile trace,
      @Nullable Path namedMemory) {
    this.directory = directory;
    this.process = process;
    this.memory = memory;
    this.messages = messages;
    this.trace = trace;
    this.namedMemory = namedMemory;
    this.hook = new Thread(this::end, "end QEMU");
  }

  /**
   * Starts QEMU and waits until it answers.
   *
   * @param options which and how
   * @return a running machine that nobody has set up yet
   * @throws QemuFailure if it cannot be started or ends at once
   */
  static QemuProcess start(QemuOptions options) {
    QemuVersion version = QemuVersion.of(options.program());
    try {
      Path directory = Files.createTempDirectory(NAME + ProcessHandle.current().pid() + "-");
      QemuProcess started;
      try {
        started = launch(options, version, directory);
      } catch (IOException | RuntimeException e) {
        deleteAll(directory);
        throw e;
      }
      try {
        started.connect();
        return started;
      } catch (IOException | RuntimeException e) {
        started.close();
        throw e;
      }
    } catch (IOException e) {
      throw new QemuFailure(options.program() + " cannot be started: " + e.getMessage(), e);
    }
  }

  private static QemuProcess launch(QemuOptions options, QemuVersion version, Path directory)
      throws IOException {
    byte[] bios = new byte[BIOS_BYTES];
    Arrays.fill(bios, HALT[1]);
    System.arraycopy(HALT, 0, bios, RESET_VECTOR, HALT.length);
    Files.write(directory.resolve("halt.bin"), bios);
    Path named = options.memoryFile();
    Path memoryFile =
        named != null
            ? named.toAbsolutePath()
            : GuestMemory.directory().resolve(directory.getFileName() + ".ram");
    GuestMemory memory = GuestMemory.create(memoryFile);
    try {
      Path log = directory.resolve("messages");
      GrowingFile messages = new GrowingFile(log);
      GrowingFile trace = new GrowingFile(directory.resolve("trace"));
      List<String> command = command(options, version, directory, memoryFile);
      Process process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectOutput(log.toFile())
              .start();
      QemuProcess started = new QemuProcess(directory, process, memory, messages, trace, named);
      try {
        Runtime.getRuntime().addShutdownHook(started.hook);
      } catch (IllegalStateException e) {
        process.destroyForcibly();
        throw new QemuFailure(options.program() + " is not started: this process is ending", e);
      }
      return started;
    } catch (IOException | RuntimeException e) {
      memory.unlink();
      memory.close();
      throw e;
    }
  }

  private static List<String> command(
      QemuOptions options, QemuVersion version, Path directory, Path memoryFile) {
    List<String> command = new ArrayList<>();
    if (Stream.of("/usr/bin/setpriv", "/bin/setpriv").map(Path::of).anyMatch(Files::isExecutable)) {
      command.addAll(List.of("setpriv", "--pdeathsig", "KILL"));
    }
    String bytes = Long.toString(GuestLayout.MEMORY_BYTES);
    command.addAll(
        List.of(
            options.program(),
            "-no-user-config",
            "-nodefaults",
            "-display",
            "none",
            "-bios",
            directory.resolve("halt.bin").toString(),
            "-machine",
            "q35,kernel-irqchip=off,memory-backend=ram,usb=off,vmport=off",
            "-accel",
            "tcg",
            "-cpu",
            "qemu64",
            "-smp",
            "1",
            "-m",
            bytes + "B",
            "-object",
            "memory-backend-file,id=ram,size=" + bytes + "B,share=on,mem-path=" + memoryFile,
            "-device",
            "amd-iommu" + version.iommuOptions(),
            "-icount",
            "shift=0,sleep=off"));
    for (Device device : Device.values()) {
      command.addAll(List.of("-device", device.argument()));
    }
    for (QemuEvent event : QemuEvent.values()) {
      command.addAll(List.of("-trace", event.word()));
    }
    command.addAll(List.of("-D", directory.resolve("trace").toString()));
    command.addAll(List.of("-qtest-log", "/dev/null"));
    command.addAll(List.of("-qtest", socket(directory.resolve("qtest"))));
    command.addAll(List.of("-qmp", socket(directory.resolve("qmp"))));
    return command;
  }

  private static String socket(Path path) {
    return "unix:" + path + ",server=on,wait=off";
  }

  private void connect() throws IOException {
    long deadline = System.nanoTime() + START_NANOS;
    while (qtest == null) {
      if (!process.isAlive() || System.nanoTime() - deadline > 0) {
        throw new QemuFailure("QEMU did not start: " + String.join("; ", messages.newLines()));
      }
      try {
        qtest = QtestClient.connect(directory.resolve("qtest"));
      } catch (IOException e) {
        LockSupport.parkNanos(POLL_NANOS); // there is nothing to wait on but the socket's birth
      }
    }
    var _ = qtest.inl(Pci.DATA_PORT); // once it answers the machine is complete
    monitor = Monitor.connect(directory.resolve("qmp"));
    deleteAll(directory);
    if (namedMemory == null) {
      memory.unlink();
    }
  }

  QtestClient qtest() {
    if (qtest == null) {
      throw new IllegalStateException("QEMU is not connected");
    }
    return qtest;
  }

  Monitor monitor() {
    if (monitor == null) {
      throw new IllegalStateException("QEMU is not connected");
    }
    return monitor;
  }

  GuestMemory memory() {
    return memory;
  }

  /** Lines that QEMU has traced since the last call. */
  List<String> traced() {
    return trace.newLines();
  }

  /** What QEMU has said on its standard output and error since the last call. */
  List<String> said() {
    return messages.newLines();
  }

  long pid() {
    return process.pid();
  }

  /** Kills the process and removes its files; what the shutdown hook does as well. */
  private synchronized void end() {
    process.destroyForcibly();
    try {
      memory.unlink();
      deleteAll(directory);
    } catch (IOException e) {
      throw new QemuFailure("files of QEMU could not be removed: " + e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      return; // Java is ending, and the hook does it
    }
    end();
    process.onExit().join();
    try {
      if (qtest != null) {
        qtest.close();
      }
      if (monitor != null) {
        monitor.close();
      }
      messages.close();
      trace.close();
    } catch (IOException e) {
      throw new QemuFailure("files of QEMU could not be closed: " + e.getMessage(), e);
    } finally {
      memory.close();
    }
  }

  private static void deleteAll(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.deleteIfExists(file);
      }
    }
    Files.deleteIfExists(directory);
  }
}
