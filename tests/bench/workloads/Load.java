// A server and its clients, files, memory that is collected, and with more load children and selectors.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

public class Load {
    public static void main(String[] arguments) {
        try {
            work();
        } catch (Throwable failure) {
            failure.printStackTrace();
            // The server's threads would outlive it.
            System.exit(1);
        }
        System.out.println("done");
        System.exit(0);
    }

    private static void work() throws Exception {
        String given = System.getenv("LOAD");
        int load = given == null ? 1 : Integer.parseInt(given);
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            byte[] body = "served".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
        int port = server.getAddress().getPort();
        HttpClient client = HttpClient.newHttpClient();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < 10 * load; i++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/")).build();
            answers.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString()));
        }
        for (CompletableFuture<HttpResponse<String>> answer : answers) {
            if (!answer.get().body().equals("served")) throw new Exception("not served");
        }
        for (int i = 0; i < load; i++) {
            Path path = Files.createTempFile("load", "x");
            Files.writeString(path, "text");
            if (!Files.readString(path).equals("text")) throw new Exception("not read");
            Files.delete(path);
        }
        List<byte[]> kept = new ArrayList<>();
        for (int i = 0; i < 200 * load; i++) {
            kept.add(new byte[1 << 16]);
            if (kept.size() > 100) kept.clear();
        }
        if (load > 1) {
            System.gc();
            // Ends a connection at once instead of in order.
            try (Socket socket = new Socket("127.0.0.1", port)) {
                socket.setSoLinger(true, 0);
            }
            java.nio.channels.Pipe.open().sink().close();
        }
    }
}
