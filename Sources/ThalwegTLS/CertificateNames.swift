package import NIOCore
internal import NIOSSL
package import ThalwegModel

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Whom a certificate is for.
package enum CertificateNames {
    /// Checks that who was accepted shows a certificate for `host`. Who opens a connection has that
    /// checked by TLS itself; who accepts one knows only afterwards who the other wants to be.
    ///
    /// On the channel's event loop. Throws `unauthenticated`.
    package static func check(_ channel: any Channel, name host: String) throws(ThalwegError) {
        let certificate: NIOSSLCertificate?
        do {
            certificate = try channel.pipeline.syncOperations.nioSSL_peerCertificate()
        } catch {
            throw ThalwegError(.unauthenticated, "the other side shows no certificate: \(error)")
        }
        guard let certificate else {
            throw ThalwegError(
                .unauthenticated, "the other side shows no certificate",
                advice: "give it one that the authority signed")
        }
        guard contain(host, certificate) else {
            throw ThalwegError(
                .unauthenticated,
                "the certificate is not for \(host) but for \(description(certificate))",
                advice: "make one whose subjectAltName has \(host)")
        }
    }

    /// The certificate's names as people read them, for errors.
    static func description(_ certificate: NIOSSLCertificate) -> String {
        let names = names(of: certificate).compactMap { name in
            switch name {
            case .host(let host): host
            case .address(let bytes): text(bytes)
            }
        }
        return names.isEmpty ? "nobody" : names.joined(separator: ", ")
    }

    package static func isAddress(_ host: String) -> Bool { address(host) != nil }

    /// Whether the certificate names a host or an address.
    static func contain(_ host: String, _ certificate: NIOSSLCertificate) -> Bool {
        names(of: certificate).contains { matches($0, host) }
    }

    // MARK: Names

    enum Name: Equatable {
        /// Maybe with a star for its first label.
        case host(String)
        /// 4 or 16 bytes.
        case address([UInt8])
    }

    private static func names(of certificate: NIOSSLCertificate) -> [Name] {
        certificate._subjectAlternativeNames().compactMap { name in
            switch name.nameType {
            case .dnsName: .host(String(decoding: name.contents, as: UTF8.self))
            case .ipAddress: .address(Array(name.contents))
            default: nil
            }
        }
    }

    /// A star stands for the first label and no other (RFC 6125).
    static func matches(_ name: Name, _ host: String) -> Bool {
        switch name {
        case .address(let bytes): return bytes == address(host)
        case .host(let pattern):
            guard address(host) == nil else { return false }
            let (pattern, host) = (pattern.lowercased(), host.lowercased())
            guard pattern.hasPrefix("*."), let dot = host.firstIndex(of: ".") else {
                return pattern == host
            }
            return dot != host.startIndex && host[dot...] == pattern.dropFirst()
        }
    }

    private static func address(_ host: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            // Safe: an address of the family has as many bytes.
            if inet_pton(family, host, &bytes) == 1 { return bytes }
        }
        return nil
    }

    private static func text(_ bytes: [UInt8]) -> String? {
        var text = [CChar](repeating: 0, count: 46)
        // Safe: 46 bytes hold any address as text (INET6_ADDRSTRLEN).
        guard [4, 16].contains(bytes.count),
            inet_ntop(
                bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil
        else { return nil }
        return String(
            decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
