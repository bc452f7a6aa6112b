package main

import (
	"log/slog"

	"github.com/mcploop/mcploop/client/process"
	"github.com/spf13/cobra"
)

const keeperUse = "keeper"

// newKeeper makes this program the keeper of the children of upstreams.
func newKeeper(log *slog.Logger) *process.Keeper {
	return process.NewKeeper([]string{"/proc/self/exe", keeperUse}, log)
}

// newKeeperCommand is what serve starts beside itself when it has children: it ends them when
// serve is killed.
func newKeeperCommand() *cobra.Command {
	return &cobra.Command{
		Use:    keeperUse,
		Short:  "End the children of a server that is killed; serve starts it itself",
		Hidden: true,
		Args:   cobra.NoArgs,
		Run:    func(cmd *cobra.Command, _ []string) { process.Keep(cmd.InOrStdin()) },
	}
}
