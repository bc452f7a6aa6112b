package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/client/process"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server"
	"github.com/mcploop/mcploop/server/config"
	"github.com/mcploop/mcploop/server/gateway"
	"github.com/spf13/cobra"
)

func newImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE...",
		Short: "Print the servers of MCP clients' configurations as an upstreams section",
		Long: "Print the servers in the configurations of Claude, Cursor, Windsurf, Gemini,\n" +
			"VS Code or the Inspector as the upstreams section of a file of ours. What the\n" +
			"files say as ${VAR} stays so. serve -c reads such a file without this, too.",
		Example: "  mcploop import ~/.cursor/mcp.json >>mcploop.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			text, err := config.Import(files...)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

// addUpstreams puts the servers of the configuration behind s and returns how many.
func addUpstreams(s *server.Server, cfg *config.Config) (count int, err error) {
	list, err := upstreamList(cfg, hostOf(s))
	if err != nil {
		return 0, err
	}
	_, err = s.SetUpstreams(list)
	return len(list), err
}

// upstreamList are the upstreams that the configuration wants, by name. Nothing runs yet.
func upstreamList(cfg *config.Config, h host) (list []gateway.Options, err error) {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Upstreams)) {
		u := cfg.Upstreams[name]
		if u.Disabled {
			continue
		}
		opt := upstreamOptions(name, &u)
		if opt.Provider, err = providerOf(name, &u, h); err != nil {
			faults = append(faults, err)
		}
		list = append(list, opt)
	}
	return list, errors.Join(faults...)
}

// upstreamOptions turns an upstream of the configuration into options, key by key.
func upstreamOptions(name string, u *config.Upstream) gateway.Options {
	era, _ := client.ParseEra(u.Era) // Validate has passed them
	share, _ := gateway.ParseShare(u.Share)
	opt := gateway.Options{
		Name: name, Separator: u.Separator, Allow: u.Allow, Deny: u.Deny, Rename: u.Rename,
		Timeout: u.Timeout, StartTimeout: u.StartTimeout, Refresh: u.Refresh, Grace: u.Grace,
		BackoffMin: u.BackoffMin, BackoffMax: u.BackoffMax, StderrLines: u.StderrLines,
		Subscriptions: u.Subscriptions, Instances: u.Instances, Share: share,
		InstancesMax: u.InstancesMax, InstanceIdle: u.InstanceIdle,
		AsksMax: u.Asks, AskTimeout: u.AskTimeout,
		FirstByte: u.FirstByteTimeout, BetweenBytes: u.BetweenBytes,
		RetryPercent: orNone(u.RetryPercent), RetryReserve: orNone(u.RetryReserve),
		ListMax:         u.ListMax,
		BreakerFailures: orNone(u.Breaker.Failures), BreakerOpenFor: u.Breaker.OpenFor,
		BreakerProbes: u.Breaker.Probes,
		Credentials:   credentialsOf(&u.Credentials),
		OAuth:         oauthOf(name, u),
		Client: client.Options{
			URL: u.Target(), Command: u.Command, Dir: u.Dir, Headers: u.Headers, Era: era,
			InFlightMax: u.InFlight, HTTPConnsMax: u.Connections,
			MessageBytesMax: u.MessageBytes, NoiseMax: u.NoiseMax,
			NoticesPerSecond: orNone(u.Notices), DialTimeout: u.DialTimeout,
			ProbeTimeout: u.ProbeTimeout, IdleTimeout: u.IdleTimeout, CloseGrace: u.CloseGrace,
			Limits: childLimits(u), TLS: tlsOf(u),
		},
	}
	if len(u.Env) > 0 {
		opt.Client.Env = childEnv(u)
	}
	return opt
}

// childLimits are those of a program, with all that it starts.
func childLimits(u *config.Upstream) process.Limits {
	return process.Limits{
		Memory: int64(u.Limits.Memory), CPU: float64(u.Limits.CPU) / 100, Pids: u.Limits.Pids,
	}
}

// tlsOf is how the other side is trusted.
func tlsOf(u *config.Upstream) client.TLS {
	return client.TLS{
		CAFile: u.TLS.CAFile, ServerName: u.TLS.ServerName, CertFile: u.TLS.CertFile,
		KeyFile: u.TLS.KeyFile, MinVersion: u.TLS.MinVersion, SkipVerify: u.TLS.SkipVerify,
	}
}

// orNone is n, where the file's 0 is none and that of Options its default.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// credentialsOf puts what clients are known by in place of their tokens.
func credentialsOf(c *config.Credentials) gateway.Credentials {
	all := gateway.Credentials{Default: c.Default, Required: c.Required}
	for name, user := range c.Users {
		if all.Users == nil {
			all.Users = map[string]gateway.User{}
		}
		all.Users[name] = gateway.User{
			Principal: mcp.PrincipalOf(user.AuthorizationHash()), Headers: user.Headers,
		}
	}
	return all
}

// countUpstreams says how many upstreams there are, if any.
func countUpstreams(cfg *config.Config) string {
	disabled := 0
	for _, u := range cfg.Upstreams {
		if u.Disabled {
			disabled++
		}
	}
	switch n := len(cfg.Upstreams); {
	case n == 0:
		return ""
	case disabled > 0:
		return fmt.Sprintf(", upstreams: %d (%d disabled)", n, disabled)
	default:
		return fmt.Sprintf(", upstreams: %d", n)
	}
}
