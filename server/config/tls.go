package config

import (
	"slices"
	"strings"
)

// TLS is how an upstream behind https, wss, sses or tls is trusted.
type TLS struct {
	CAFile     string `yaml:"ca_file"`
	ServerName string `yaml:"server_name"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	MinVersion string `yaml:"min_version"`
	SkipVerify bool   `yaml:"insecure_skip_verify"`
}

// tlsFields: how it is trusted.
func tlsFields() []field {
	at := func(key string) string { return join(ofUpstream("tls"), key) }
	return []field{
		{
			path: at("ca_file"), unit: "path",
			doc: "PEM file of the authorities that may sign the upstream's certificate, in place " +
				"of the system's. It is read at each connect of the upstream.",
		},
		{
			path: at("server_name"),
			doc:  "Name that the certificate must have; empty is the host of the URL.",
		},
		{
			path: at("cert_file"), unit: "path",
			doc: "PEM file of our certificate, for upstreams that want one; with key_file. Both " +
				"are read anew when they have changed.",
		},
		{path: at("key_file"), unit: "path", doc: "PEM file of the key of cert_file."},
		{
			path: at("min_version"), enum: []string{"1.2", "1.3"},
			doc: "Oldest version of TLS that is spoken.",
		},
		{
			path: at("insecure_skip_verify"),
			doc: "Believe any certificate, and so anybody on the way to the upstream. It is " +
				"warned of in the log. ca_file is nearly always better.",
		},
	}
}

// checkTLS: a key that would have no effect may be one that somebody relies on.
func (u *Upstream) checkTLS(at string, report reportFunc) {
	at = join(at, "tls")
	if (u.TLS.CertFile == "") != (u.TLS.KeyFile == "") {
		report(at, "", "write both cert_file and key_file")
	}
	kind := u.Kind()
	if scheme, _, _ := strings.Cut(u.URL, "://"); u.TLS != defaultUpstream().TLS &&
		kind != "http" && kind != "openapi" &&
		!slices.Contains([]string{"https", "wss", "sses", "tls"}, scheme) {
		report(at, "", "it goes with a url of https://, wss://, sses:// or tls://")
	}
}
