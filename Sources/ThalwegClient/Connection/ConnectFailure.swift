import Glibc
import NIOCore
import NIOPosix
import ThalwegModel

/// Why no connection came to be, in the system's words.
enum ConnectFailure {
    static func text(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            // A name with several addresses: the first says as much as all.
            if let first = error.connectionErrors.first { return text(first.error) }
            if error.dnsAError != nil || error.dnsAAAAError != nil {
                return "the name '\(error.host)' is not known"
            }
            return "the name '\(error.host)' has no address"
        case let error as IOError:
            return String(cString: strerror(error.errnoCode)).lowercased()
        case ChannelError.connectTimeout(let limit):
            return "no answer within \(limit.nanoseconds / 1_000_000) ms"
        case let error as ThalwegError:
            return error.message
        default:
            return "\(error)"
        }
    }
}
