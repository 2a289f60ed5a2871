package dev.cleave.bench.conform.qemu;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * QEMU's own control connection (QMP): a JSON object a line.
 *
 * <p>Belongs to one thread at a time.
 */
final class Monitor implements AutoCloseable {
  private final SocketChannel channel;
  private final BufferedReader in;

  private Monitor(SocketChannel channel) {
    this.channel = channel;
    this.in = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
  }

  /** Connects and leaves the negotiation mode. */
  static Monitor connect(Path socket) throws IOException {
    Monitor monitor = new Monitor(SocketChannel.open(UnixDomainSocketAddress.of(socket)));
    monitor.execute("qmp_capabilities", new JsonObject());
    return monitor;
  }

  /** Carries out one command and waits for its end. */
  void execute(String command, JsonObject arguments) throws IOException {
    JsonObject request = new JsonObject();
    request.addProperty("execute", command);
    request.add("arguments", arguments);
    ByteBuffer out = StandardCharsets.UTF_8.encode(request + "\n");
    while (out.hasRemaining()) {
      channel.write(out);
    }
    while (true) {
      String line = in.readLine();
      if (line == null) {
        throw new QemuFailure("QEMU has ended while it carried out " + command);
      }
      JsonObject reply = JsonParser.parseString(line).getAsJsonObject();
      JsonElement error = reply.get("error");
      if (error != null) {
        throw new QemuFailure("QEMU refused " + command + ": " + error);
      }
      if (reply.has("return")) {
        return; // anything else is a greeting or an event
      }
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
