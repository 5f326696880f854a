/* Uses both installed libraries: the version of library and headers agree, and empty handles can be
 * destroyed. */
#include <stdio.h>
#include <whimbrel/coordinator.h>
#include <whimbrel/version.h>
#include <whimbrel/whimbrel.h>

int main(void) {
    printf("whimbrel %s\n", whim_version_text());
    whim_coordinator_stop(NULL);
    return whim_version() == WHIM_VERSION && whim_group_destroy(NULL) == WHIM_OK ? 0 : 1;
}
