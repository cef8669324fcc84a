import Foundation

/// A module could not be built, with what to do about it.
struct BuildFailure: Error, LocalizedError, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }

    var errorDescription: String? { description }
}
