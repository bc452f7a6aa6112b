// Command mcploop is the MCP server runtime: serve, tools, check, import, reload,
// explain, login, logout, bench, doctor, version.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/mcploop/mcploop/bench"
	"github.com/mcploop/mcploop/server/config"
	"github.com/spf13/cobra"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// configUsage says what a -c may name.
const configUsage = "configuration file (YAML, or an MCP client's JSON)"

// errSilent ends the command with exit status 1 after it has said why itself.
var errSilent = errors.New("")

// exitStatus ends the command with this status after it has said why itself.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	signal.Ignore(syscall.SIGPIPE)
	if err := newRootCommand().ExecuteContext(ctx); err != nil {
		var status exitStatus
		if errors.As(err, &status) {
			os.Exit(int(status))
		}
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(os.Stderr, "mcploop:", err)
		}
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "mcploop",
		Short:         "MCP server runtime for hosts with tens of thousands of connections",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServeCommand(), newToolsCommand(), newCheckCommand(), newImportCommand(),
		newReloadCommand(), newExplainCommand(), newLoginCommand(), newLogoutCommand(),
		newBenchCommand(), newDoctorCommand(),
		newVersionCommand(), newKeeperCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go release",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(cmd.OutOrStdout(), "mcploop %s commit %s %s %s/%s\n", version, commit(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

// commit is the revision the binary was built from, as the Go tool recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "unknown"
}

func newCheckCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "check -c FILE",
		Short: "Validate a configuration file; exit status 1 when it has faults",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			if err := checkKinds(cmd.Context(), cfg, cmd.OutOrStdout()); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: ok%s\n", file, countUpstreams(cfg))
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", configUsage)
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// newBenchCommand hands everything to package bench, which has its own flags.
func newBenchCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "bench",
		Short:              "Generate load and measure a server (bench help tells more)",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := bench.Main(args, cmd.OutOrStdout(), cmd.ErrOrStderr()); code != 0 {
				return errSilent
			}
			return nil
		},
	}
}
