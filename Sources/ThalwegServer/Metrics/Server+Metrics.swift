import Logging
import ThalwegModel

extension Server {
    /// Where metrics are told; `nil` where they are not.
    public var metricsAddress: String? { metrics?.address }

    /// Begins to tell how things are before anything else is done, so that a long start can be
    /// watched. Where `body` throws that ends with it, else with the server.
    static func withMetrics(
        _ options: ServerOptions, _ logger: Logger,
        _ body: (MetricsServer?) async throws(ThalwegError) -> Server
    ) async throws(ThalwegError) -> Server {
        let metrics = try await MetricsServer.open(options.metrics, logger: logger)
        do throws(ThalwegError) {
            return try await body(metrics)
        } catch {
            await metrics?.shutDown()
            throw error
        }
    }
}
