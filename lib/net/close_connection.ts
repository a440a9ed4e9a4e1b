/** Closes a connection, whether or not its streams have closed it already. */
export function closeConnection(connection: Pick<Deno.Conn, "close">): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
