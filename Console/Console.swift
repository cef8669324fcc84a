/// The web page that `--http` serves at `/console`: plain modules, in the binary as they are.
package enum Console {
    /// A file of the page.
    package struct File: Sendable {
        /// Behind `/console`.
        package let path: String
        package let type: String
        package let bytes: [UInt8]
    }

    package static let files = [
        File(path: "", type: "text/html; charset=utf-8", bytes: PackageResources.index_html),
        File(
            path: "/console.css", type: "text/css; charset=utf-8",
            bytes: PackageResources.console_css),
        File(
            path: "/console.js", type: "text/javascript; charset=utf-8",
            bytes: PackageResources.console_js),
    ]

    /// What the page may load, and from where: its own files and nothing else.
    package static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
