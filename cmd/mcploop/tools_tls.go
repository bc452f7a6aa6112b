package main

import (
	"github.com/mcploop/mcploop/client"
	"github.com/spf13/cobra"
)

// tlsFlags say whom to believe that a server is who it says, and who we are.
func tlsFlags(cmd *cobra.Command, t *client.TLS) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&t.CAFile, "ca-file", "",
		"PEM `file` of the authorities to trust in place of the system's")
	flags.StringVar(&t.ServerName, "server-name", "",
		"`name` that the server's certificate must have, in place of the URL's host")
	flags.StringVar(&t.CertFile, "cert-file", "", "PEM `file` with our own certificate")
	flags.StringVar(&t.KeyFile, "key-file", "", "PEM `file` with its key")
	flags.BoolVar(&t.SkipVerify, "insecure", false, "believe any certificate")
}
