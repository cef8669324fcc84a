import Glibc
public import ThalwegModel

/// Serves as a ``Sink`` until the process is ended: what `thalweg bench-sink` does.
///
/// - Parameter ready: gets one line of JSON, `{"listening":"127.0.0.1:PORT","pid":N}`, once it
///   listens; the command prints it for `--json-ready`.
public func runSink(
    listen: Endpoint,
    mode: Sink.Mode = .discard,
    ready: (String) -> Void
) throws(ThalwegError) {
    let sink = try Sink(listen: listen, mode: mode)
    ready("{\"listening\":\"\(sink.endpoint)\",\"pid\":\(getpid())}")
    try sink.run()
}
